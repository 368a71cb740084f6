"""Several servers on one PostgreSQL: each job is one server's at a time, and goes on elsewhere when that one dies."""

import itertools
import os
import signal
import threading

import pytest

pytest.importorskip("psycopg", reason="PostgreSQL needs the extra postgres")

from predictor.errors import ConflictError
from server.access.caller import LOCAL
from server.config import Limits
from server.durable.jobs import JobTable
from server.durable.lock import StateLock
from server.durable.losses import worker_lost
from server.durable.postgres import PostgresDatabase
from tests.service.postgres import PostgresServer, needs_postgres
from tests.service.running import arrays, limited, start_in_vain, under_way, until

pytestmark = needs_postgres

NUMBERS = itertools.count()
SHORT = Limits(lease_seconds=0.5)


@pytest.fixture(scope="module")
def postgres():
    running = PostgresServer()
    yield running
    running.remove()


@pytest.fixture
def url(postgres):
    return postgres.fresh(f"w2s_shared_{os.getpid()}_{next(NUMBERS)}")


@pytest.fixture
def pair(url):
    """The tables of two servers on one database."""
    stores = [PostgresDatabase(url) for _ in range(2)]
    yield [JobTable(store, SHORT, name) for store, name in zip(stores, ("one", "two"), strict=True)]
    for store in stores:
        store.close()


def claims(table, count):
    return [attempt.row.job.id for attempt in iter(table.claim, None)][:count]


def test_two_servers_take_every_job_once(pair):
    made = {pair[0].create(LOCAL, str(i), b"q").job.id for i in range(40)}
    taken = [[], []]
    threads = [threading.Thread(target=lambda i=i: taken[i].extend(claims(pair[i], 40))) for i in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert sorted(taken[0] + taken[1]) == sorted(made)
    assert {row.owner for row in pair[0].page(LOCAL, 40, "")} <= {"one", "two"}


def test_a_job_is_taken_over_once_its_lease_is_over_and_the_late_result_is_refused(pair):
    one, two = pair
    one.create(LOCAL, "a", b"q")
    late = one.claim()
    assert two.take_over() == []
    assert [row.job.id for row in one.renew([late.row.job.id])] == [late.row.job.id]
    taken = until(two.take_over)
    assert [(row.job.state, row.job.id) for row in taken] == [("QUEUED", late.row.job.id)]
    assert one.renew([late.row.job.id]) == []
    again = two.claim()
    assert one.renew([late.row.job.id]) == []
    assert one.finish(late, "SUCCEEDED", None, b"late") is None
    assert one.release(late, worker_lost(3), 3) is None
    assert two.finish(again, "SUCCEEDED", None, b"right").ranking == b"right"


def test_a_renewed_lease_is_never_over(pair):
    one, two = pair
    one.create(LOCAL, "a", b"q")
    name = one.claim().row.job.id
    for _ in range(20):
        assert len(one.renew([name])) == 1
        assert two.take_over() == []


def test_a_cancelled_job_of_a_dead_server_is_cancelled(pair):
    one, two = pair
    one.create(LOCAL, "a", b"q")
    name = one.claim().row.job.id
    assert two.cancel(LOCAL, name).job.state == "CANCELLING"
    assert [row.job.state for row in until(two.take_over)] == ["CANCELLED"]


def test_one_request_id_at_two_servers_makes_one_job(pair):
    made = []

    def create(table, request_id):
        made.append(table.create(LOCAL, request_id, b"q").job.id)

    for number in range(20):
        threads = [threading.Thread(target=create, args=(table, f"r{number}")) for table in pair]
        for one in threads:
            one.start()
        for one in threads:
            one.join(120)
    assert (len(made), len(set(made))) == (40, 20)
    with pytest.raises(ConflictError):
        pair[1].create(LOCAL, "r0", b"other")


def test_a_killed_server_loses_no_job_and_any_server_answers_for_all(start, url):
    """A job is created at one server, runs at another, which dies, and ends at a third; a watch sees all of it."""
    flags = ("--database", url, *limited(lease_seconds=3))
    first = start(*flags)
    frozen = first.freeze_job_worker()
    with first.client() as client:
        name = under_way(client, arrays(), "kept")
    second = start(*flags)
    with second.client() as client:
        assert client.job(name).state == "RUNNING"
        seen = []
        watching = threading.Thread(target=lambda: seen.extend(job.state for job in client.watch(name)))
        watching.start()
        first.kill()
        watching.join(120)
        job = client.job(name)
    assert frozen
    assert (seen[0], seen[-1]) == ("RUNNING", "SUCCEEDED")
    assert (job.state, job.attempts) == ("SUCCEEDED", 2)
    assert second.events("jobs_taken_over")


def test_a_cancellation_reaches_the_server_that_runs_the_job(start, url):
    flags = ("--database", url, *limited(lease_seconds=5))
    first = start(*flags)
    first.freeze_job_worker()
    with first.client() as client:
        name = under_way(client, arrays())
    second = start(*flags)
    with second.client() as client:
        client.cancel(name)
        assert client.wait(name).state == "CANCELLED"


def test_a_server_that_was_stopped_for_a_while_gives_up_what_went_elsewhere(start, url):
    """SIGSTOP for more than a lease, as a paused machine: the job ends once, and its first worker is replaced."""
    flags = ("--database", url, *limited(lease_seconds=3))
    first = start(*flags)
    first.freeze_job_worker()
    with first.client() as client:
        name = under_way(client, arrays())
    second = start(*flags)
    os.kill(first.process.pid, signal.SIGSTOP)
    with second.client() as client:
        job = client.wait(name)
        assert (job.state, job.attempts) == ("SUCCEEDED", 2)
    os.kill(first.process.pid, signal.SIGCONT)
    assert until(lambda: [one for one in first.events("worker_replaced") if one["why"] == "overtaken"])


def test_sqlite_stays_one_server_and_reports_how_to_share(tmp_path):
    with StateLock(tmp_path / "state"):
        for flags in ((), ("--database", "postgresql:///nowhere")):
            refused = start_in_vain(tmp_path / "state", *flags)
            assert refused.returncode != 0
            assert "Several servers share one queue with --database postgresql://" in refused.stderr
    with StateLock(tmp_path / "state", shared=True), StateLock(tmp_path / "state", shared=True):
        pass
