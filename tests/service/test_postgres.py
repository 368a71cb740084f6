"""The state machine of jobs on a real PostgreSQL: the tests of the table, and what only a database elsewhere does."""

import contextlib
import itertools
import os
import sys

import pytest

pytest.importorskip("psycopg", reason="PostgreSQL needs the extra postgres")

import psycopg

from predictor.errors import ConflictError, InputError, NotFoundError, RefusedError, UnavailableError, W2SError
from server.access.caller import LOCAL
from server.config import Config, Limits
from server.durable.jobs import JobTable
from server.durable.postgres import PostgresDatabase
from server.durable.rows import Declared
from server.durable.store import check_url, open_store
from tests.service.postgres import PostgresServer, needs_postgres
from tests.service.running import arrays, under_way, until
from tests.service.test_table import (  # noqa: F401  # run here again, on this file's `database` and `refusal`
    RANKING,
    test_a_job_is_tried_again_until_three_workers_died_over_it,
    test_a_refused_step_leaves_nothing_behind,
    test_a_repeat_runs_the_stored_request,
    test_a_request_id_stands_for_one_request,
    test_a_result_after_a_cancellation_is_refused,
    test_a_start_settles_what_an_earlier_process_left,
    test_a_stop_of_the_server_counts_as_no_loss,
    test_a_tenant_fills_its_own_queue_only,
    test_a_tenant_holds_so_many_bytes_and_deleting_frees_them,
    test_an_error_is_stored_whole,
    test_another_tenants_job_reads_as_no_job,
    test_every_change_raises_the_revision,
    test_finished_jobs_expire_and_others_do_not,
    test_jobs_are_claimed_in_the_order_of_creation,
    test_only_the_current_attempt_may_end_a_job,
    test_terminal_states_never_change,
)

pytestmark = needs_postgres

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def postgres():
    running = PostgresServer()
    yield running
    running.remove()


@pytest.fixture
def url(postgres):
    return postgres.fresh(f"w2s_{os.getpid()}_{next(NUMBERS)}")


@pytest.fixture(scope="module")
def shared(postgres):
    """One database for every test that needs none of its own."""
    opened = PostgresDatabase(postgres.fresh("w2s_shared"))
    yield opened
    opened.close()


@pytest.fixture
def database(shared):
    with contextlib.suppress(UnavailableError):  # a test before may have ended the connection
        change(shared, "TRUNCATE jobs")
    change(shared, "TRUNCATE jobs")
    return shared


class Abandoned(JobTable):
    """A table whose earlier servers are all dead: their leases are over at once."""

    def recover(self):
        change(self.store, "UPDATE jobs SET lease = 0 WHERE state IN ('RUNNING', 'CANCELLING')")
        return super().recover()


@pytest.fixture
def table(database):
    """Takes the place of the folder's."""
    return Abandoned(database, Limits())


@pytest.fixture
def own(url):
    opened = PostgresDatabase(url)
    yield opened
    opened.close()


@pytest.fixture
def refusal():
    return psycopg.errors.RaiseException


def change(database, sql):
    with database.transaction() as run:
        run.execute(sql)


def test_what_is_declared_is_stored_and_pages_are_as_on_sqlite(table):
    made = [table.create("alice", str(i), b"q", Declared(i, ("ab" * 32,), "t")).job.id for i in range(5)]
    assert [one.cost for one in table.waiting()] == [0, 1, 2, 3, 4]
    assert table.parts() == {("alice", "ab" * 32)}
    first = table.page("alice", 2, "")
    assert [row.job.id for row in first] == made[:2:-1]
    assert [row.job.id for row in table.page("alice", 9, first[-1].job.id)] == made[2::-1]
    assert table.counts() == {"QUEUED": 5}
    assert table.queued() == 5
    table.create("alice", "blob", bytes(range(256)))
    assert [table.claim().request for _ in range(6)][-1] == bytes(range(256))


def test_an_id_that_the_database_could_not_even_compare_is_no_job(table):
    for name in ("\0", "ä", "x" * 65, "", "'; DROP TABLE jobs; --"):
        with pytest.raises(NotFoundError, match="there is no job"):
            table.get(LOCAL, name)


BACK_TO_4 = ("ALTER TABLE jobs DROP COLUMN callback", "DROP TABLE callbacks")
ADDED_BY_4 = ("excluded", "labels", "owner", "lease", "started", "deadline")
EARLIER = {4: BACK_TO_4, 3: (*BACK_TO_4, *(f"ALTER TABLE jobs DROP COLUMN {name}" for name in ADDED_BY_4))}


def test_a_server_of_an_earlier_version_locks_later_ones_out(url, own):
    """Before schema 4 a server took the database for itself, by an advisory lock; two kinds must not meet."""
    own.close()
    with psycopg.connect(url, autocommit=True) as earlier:
        earlier.execute("SELECT pg_advisory_lock(%s)", (0x7732735F6A6F6273,))
        with pytest.raises(RefusedError, match="a server of an earlier version holds this database") as caught:
            open_store(url)
    assert caught.value.reason == "STATE_LOCKED"
    open_store(url).close()


@pytest.mark.parametrize("version", EARLIER)
def test_a_store_of_an_earlier_schema_is_converted_with_its_jobs(url, own, version):
    table = JobTable(own, Limits())
    name = table.create(LOCAL, "a", b"q").job.id
    for statement in EARLIER[version]:
        change(own, statement)
    change(own, f"UPDATE schema_version SET version = {version}")
    own.close()
    again = open_store(url)
    assert JobTable(again, Limits()).claim().row.job.id == name
    again.close()


def test_a_store_of_another_version_is_refused(url, own):
    change(own, "UPDATE schema_version SET version = 99")
    own.close()
    with pytest.raises(RefusedError, match="the job store has schema 99, this version reads 5"):
        open_store(url)


def test_a_database_that_went_away_is_reported_and_found_again(postgres, table):
    name = table.create(LOCAL, "a", b"q").job.id
    claim = table.claim()
    postgres.stop()
    for _ in range(2):
        with pytest.raises(UnavailableError, match="the database of the job store cannot be reached") as caught:
            table.create(LOCAL, "b", b"q")
        assert caught.value.reason == "STORAGE_UNWRITABLE"
        assert str(postgres.folder) not in caught.value.message
    postgres.start()
    assert table.get(LOCAL, name).job.state == "RUNNING"
    assert table.finish(claim, "SUCCEEDED", None, RANKING).job.state == "SUCCEEDED"


def test_a_read_only_database_refuses_writes_and_gives_what_it_has(own):
    table = JobTable(own, Limits())
    name = table.create(LOCAL, "a", b"q").job.id
    with own.reading() as run:
        run.execute("SET default_transaction_read_only = on")
    with pytest.raises(UnavailableError, match="cannot be reached or written"):
        table.create(LOCAL, "b", b"q")
    assert table.get(LOCAL, name).job.state == "QUEUED"


def test_a_mistake_of_ours_looks_like_one(database):
    with pytest.raises(psycopg.errors.UndefinedTable):
        change(database, "SELECT * FROM nowhere")


@pytest.mark.parametrize("text", ["mysql://x", "jobs.sqlite", ""])
def test_a_url_of_another_kind_is_refused_without_repeating_it(text):
    with pytest.raises(InputError, match="the database URL is not understood; give postgresql://") as caught:
        check_url(f"{text}:secret")
    assert "secret" not in caught.value.message


def test_a_url_stays_out_of_what_is_printed_and_a_missing_package_is_named(monkeypatch):
    config = Config.read({"W2S_DATABASE": "postgresql://u:secret@host/db"})
    assert config.database == "postgresql://u:secret@host/db"
    assert "secret" not in repr(config)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "server.durable.postgres")
    with pytest.raises(InputError, match=r"needs psycopg, which is not installed here: pip install"):
        open_store("postgresql:///x")


def test_a_server_stores_its_jobs_there_across_kills_of_itself_and_of_the_database(start, url, postgres, tmp_path):
    running = start("--database", url)
    assert not (running.folder / "state" / "jobs.sqlite").exists()
    frozen = running.freeze_job_worker()
    with running.client() as client:
        name = under_way(client, arrays(1), "kept")
    assert frozen
    running.kill()
    again = start("--database", url)
    with again.client(timeout=120) as client:
        assert client.wait(name).state == "SUCCEEDED"
        again.freeze_job_worker()
        waiting = client.submit(arrays(2), "second")
        postgres.stop()
        with pytest.raises(W2SError, match="cannot be reached") as caught:
            client.job(name)
        assert caught.value.code == "UNAVAILABLE"
        postgres.start()
        assert until(lambda: reached(client, waiting)) in ("QUEUED", "RUNNING")
        assert client.submit(arrays(2), "second") == waiting
        with pytest.raises(ConflictError):
            client.submit(arrays(3), "second")


def reached(client, name):
    try:
        return client.job(name).state
    except UnavailableError:
        return None
