"""The state machine of jobs, on a real SQLite file."""

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from predictor.errors import ConflictError, LimitError, NotFoundError, RefusedError, UnavailableError, W2SError
from server.access.caller import LOCAL
from server.config import Limits
from server.durable.database import Database
from server.durable.jobs import JobTable
from server.workforce.outcome import worker_lost

RANKING = b"ranking"
LOST = worker_lost(3)


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "jobs.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def table(database):
    return JobTable(database, Limits())


def test_only_the_current_attempt_may_end_a_job(table):
    table.create(LOCAL, "a", b"q")
    first = table.claim()
    table.release(first, None, 3)
    second = table.claim()
    assert table.finish(first, "SUCCEEDED", None, b"late") is None
    assert table.release(first, LOST, 3) is None
    assert table.finish(second, "SUCCEEDED", None, RANKING).job.state == "SUCCEEDED"
    assert table.get(LOCAL, second.row.job.id).ranking == RANKING


def test_a_result_after_a_cancellation_is_refused(table):
    table.create(LOCAL, "a", b"q")
    claim = table.claim()
    table.cancel(LOCAL, claim.row.job.id)
    assert table.finish(claim, "SUCCEEDED", None, RANKING) is None
    row = table.release(claim, None, 3)
    assert (row.job.state, row.ranking) == ("CANCELLED", None)


@pytest.mark.parametrize("state", ["SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED"])
def test_terminal_states_never_change(database, table, state):
    table.create(LOCAL, "a", b"q")
    claim = table.claim()
    name = claim.row.job.id
    if state == "CANCELLED":
        table.cancel(LOCAL, name)
        table.release(claim, None, 3)
    else:
        table.finish(claim, state, None, RANKING)
    before = table.get(LOCAL, name).job
    assert table.finish(claim, "SUCCEEDED", None, b"other") is None
    assert table.release(claim, None, 3) is None
    assert table.cancel(LOCAL, name).job.state == state
    assert table.recover() == (0, 0)
    assert table.claim() is None
    assert table.get(LOCAL, name).job.revision == before.revision
    with pytest.raises(sqlite3.IntegrityError, match="a terminal job never changes"), database.transaction() as run:
        run.execute("UPDATE jobs SET state = 'QUEUED'")


def test_a_job_is_tried_again_until_three_workers_died_over_it(table):
    table.create(LOCAL, "a", b"q")
    states = [table.release(table.claim(), LOST, 3).job.state for _ in range(3)]
    assert states == ["QUEUED", "QUEUED", "FAILED"]
    job = table.page(LOCAL, 1, None)[0].job
    assert (job.attempts, job.error.reason) == (3, "WORKER_LOST")


def test_a_stop_of_the_server_counts_as_no_loss(table):
    table.create(LOCAL, "a", b"q")
    for _ in range(5):
        assert table.release(table.claim(), None, 3).job.state == "QUEUED"
    assert table.release(table.claim(), LOST, 3).job.state == "QUEUED"


def test_a_start_settles_what_an_earlier_process_left(table):
    for name in "abc":
        table.create(LOCAL, name, b"q")
    running, cancelling = table.claim(), table.claim()
    table.cancel(LOCAL, cancelling.row.job.id)
    assert table.recover() == (1, 1)
    assert table.get(LOCAL, running.row.job.id).job.state == "QUEUED"
    assert table.get(LOCAL, cancelling.row.job.id).job.state == "CANCELLED"
    assert table.finish(table.claim(), "SUCCEEDED", None, RANKING) is not None


def test_every_change_raises_the_revision(table):
    seen = [table.create(LOCAL, "a", b"q").job.revision]
    claim = table.claim()
    seen += [claim.row.job.revision, table.release(claim, None, 3).job.revision]
    table.claim()
    table.recover()
    seen += [table.page(LOCAL, 1, None)[0].job.revision, table.finish(table.claim(), "FAILED", LOST, None).job.revision]
    assert seen == sorted(set(seen))


def test_jobs_are_claimed_in_the_order_of_creation(table):
    made = [table.create(LOCAL, str(i), b"q").job.id for i in range(5)]
    assert [table.claim().row.job.id for _ in range(5)] == made
    assert table.claim() is None


def test_a_request_id_stands_for_one_request(table):
    first = table.create(LOCAL, "a", b"q").job.id
    assert table.create(LOCAL, "a", b"q").job.id == first
    with pytest.raises(ConflictError, match="request id 'a' already stands for another request"):
        table.create(LOCAL, "a", b"other")
    with pytest.raises(ConflictError):
        table.repeat(LOCAL, "a", first)


def test_a_repeat_runs_the_stored_request(table):
    name = table.create(LOCAL, "a", b"q").job.id
    with pytest.raises(RefusedError, match="is QUEUED; only FAILED"):
        table.repeat(LOCAL, "b", name)
    table.cancel(LOCAL, name)
    again = table.repeat(LOCAL, "b", name).job
    assert table.repeat(LOCAL, "b", name).job.id == again.id
    assert again.repeat_of == name
    assert table.claim().request == b"q"
    with pytest.raises(NotFoundError):
        table.repeat(LOCAL, "c", "nowhere")


def test_an_error_is_kept_whole(table):
    table.create(LOCAL, "a", b"q")
    error = LimitError("too much", reason="OVER", field="pool")
    row = table.finish(table.claim(), "FAILED", error, None)
    kept = table.get(LOCAL, row.job.id).job.error
    assert (type(kept), kept.message, kept.reason, kept.field) == (LimitError, "too much", "OVER", "pool")


def test_a_full_disk_refuses_writes_and_lets_reads_go_on(database, table):
    name = table.create(LOCAL, "a", b"q").job.id
    with database.reading() as run:
        pages = run.execute("PRAGMA page_count").fetchone()[0]
        run.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LimitError, match="the disk of the job store is full; nothing was stored") as caught:
        table.create(LOCAL, "b", b"x" * 100_000)
    assert caught.value.reason == "STORAGE_FULL"
    assert table.get(LOCAL, name).job.state == "QUEUED"
    assert [row.job.id for row in table.page(LOCAL, 9, None)] == [name]
    assert table.claim().row.job.id == name


def test_a_read_only_disk_refuses_writes_and_lets_reads_go_on(database, table):
    name = table.create(LOCAL, "a", b"q").job.id
    with database.reading() as run:
        run.execute("PRAGMA query_only = ON")  # SQLite's own way to meet a disk that takes nothing any more
    for write in (lambda: table.create(LOCAL, "b", b"q"), table.claim, lambda: table.cancel(LOCAL, name)):
        with pytest.raises(UnavailableError, match="the job store cannot be read or written") as caught:
            write()
        assert caught.value.reason == "STORAGE_UNWRITABLE"
    assert [row.job.state for row in table.page(LOCAL, 9, None)] == ["QUEUED"]
    with database.reading() as run:
        run.execute("PRAGMA query_only = OFF")
    assert table.claim().row.job.id == name


def test_another_process_cannot_open_the_store(database, table, tmp_path):
    code = (
        "import sys, pathlib; from server.durable.database import Database; from predictor.errors import RefusedError\n"
        "try: Database(pathlib.Path(sys.argv[1]))\n"
        "except RefusedError as fault: print(fault.reason)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "jobs.sqlite")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "STATE_LOCKED"


def test_what_is_committed_is_synchronous_and_exclusive(database):
    with database.reading() as run:
        settings = {name: run.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
        assert settings == {"journal_mode": "wal", "synchronous": 2}
        assert run.execute("PRAGMA locking_mode").fetchone()[0] == "exclusive"


def test_a_store_of_another_version_is_refused(tmp_path):
    path = tmp_path / "jobs.sqlite"
    first = Database(path)
    with first.transaction() as run:
        run.execute("UPDATE schema_version SET version = 99")
    first.close()
    with pytest.raises(RefusedError, match="the job store has schema 99, this version reads 3"):
        Database(path)


def test_a_store_that_is_no_database_is_named_damaged(tmp_path):
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"not a database at all, whatever it is called" * 100)
    with pytest.raises(UnavailableError, match="the job store is damaged"):
        Database(path)


def test_a_refused_step_leaves_nothing_behind(database, table):
    name = table.create(LOCAL, "a", b"q").job.id

    def fail_half_way():
        with database.transaction() as run:
            run.execute("UPDATE jobs SET state = 'RUNNING'")
            raise LOST

    with pytest.raises(W2SError):
        fail_half_way()
    assert table.get(LOCAL, name).job.state == "QUEUED"


SCHEMA_1 = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (1);
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, request_id TEXT NOT NULL UNIQUE, digest BLOB NOT NULL,
  repeat_of TEXT, state TEXT NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED')), created INTEGER NOT NULL,
  updated INTEGER NOT NULL, revision INTEGER NOT NULL, epoch INTEGER NOT NULL, attempts INTEGER NOT NULL,
  losses INTEGER NOT NULL, error BLOB, request BLOB NOT NULL, ranking BLOB
);
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE TRIGGER terminal_jobs_never_change BEFORE UPDATE ON jobs WHEN OLD.state = 'SUCCEEDED'
  BEGIN SELECT RAISE (ABORT, 'a terminal job never changes'); END;
INSERT INTO jobs VALUES (7, 'done', 'r1', x'00', NULL, 'SUCCEEDED', 1, 2, 3000000, 1, 1, 0, NULL, x'0102', x'030405');
INSERT INTO jobs VALUES (9, 'open', 'r2', x'01', NULL, 'QUEUED', 1, 2, 1000000, 0, 0, 0, NULL, x'09', NULL);
"""


def test_a_store_from_before_tenants_belongs_to_this_machine(tmp_path):
    with sqlite3.connect(tmp_path / "old.sqlite") as old:
        old.executescript(SCHEMA_1)
    old.close()
    opened = Database(tmp_path / "old.sqlite")
    table = JobTable(opened, Limits())
    assert [row.job.id for row in table.page(LOCAL, 9, None)] == ["open", "done"]
    assert table.get(LOCAL, "done").ranking == b"\3\4\5"
    with opened.reading() as run:
        assert run.execute("SELECT size FROM jobs ORDER BY seq").fetchall()[0]["size"] == 5
    assert table.create(LOCAL, "new", b"q").seq == 10
    assert table.claim().row.job.id == "open"
    opened.close()
    Database(tmp_path / "old.sqlite").close()


def test_another_tenants_job_reads_as_no_job(table):
    name = table.create("alice", "a", b"q").job.id
    for act in (table.get, table.cancel, table.delete, lambda tenant, job: table.repeat(tenant, "x", job)):
        with pytest.raises(NotFoundError) as stranger:
            act("bob", name)
        with pytest.raises(NotFoundError) as absent:
            act("bob", "0" * 16)
        assert stranger.value.message.replace(name, "") == absent.value.message.replace("0" * 16, "")
    assert table.page("bob", 9, None) == []
    assert table.create("bob", "a", b"other").job.id != name


def test_a_tenant_fills_its_own_queue_only(database):
    table = JobTable(database, Limits(tenant_queued_jobs=2))
    first = table.create("alice", "1", b"q").job.id
    table.create("alice", "2", b"q")
    with pytest.raises(LimitError, match="2 of your jobs wait, and this server takes 2 of one tenant"):
        table.create("alice", "3", b"q")
    assert table.create("alice", "1", b"q").job.id == first
    assert table.create("bob", "3", b"q").job.state == "QUEUED"
    table.claim()
    assert table.create("alice", "3", b"q").job.state == "QUEUED"


def test_a_tenant_holds_so_many_bytes_and_deleting_frees_them(database):
    table = JobTable(database, Limits(tenant_bytes=100))
    table.create("alice", "1", b"q" * 60)
    claim = table.claim()
    table.finish(claim, "SUCCEEDED", None, b"r" * 30)
    with pytest.raises(LimitError, match=r"your jobs hold 90 bytes, and this one needs 20; this server keeps 100"):
        table.create("alice", "2", b"q" * 20)
    assert table.create("bob", "2", b"q" * 20).job.state == "QUEUED"
    table.delete("alice", claim.row.job.id)
    assert table.create("alice", "2", b"q" * 20).job.state == "QUEUED"


def test_finished_jobs_expire_and_others_do_not(table):
    done, open_ = (table.create(LOCAL, name, b"q").job.id for name in "ab")
    table.cancel(LOCAL, done)
    assert table.expire(3600) == 0
    assert table.expire(-1) == 1
    assert [row.job.id for row in table.page(LOCAL, 9, None)] == [open_]


def test_what_is_deleted_is_gone_from_the_file(tmp_path):
    opened = Database(tmp_path / "jobs.sqlite")
    table = JobTable(opened, Limits())
    name = table.create(LOCAL, "a", b"a row of somebody" * 1000).job.id
    table.cancel(LOCAL, name)
    table.delete(LOCAL, name)
    opened.close()
    assert b"a row of somebody" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("code", "reason"), [(errno.ENOSPC, "STORAGE_FULL"), (errno.EIO, "STORAGE_UNWRITABLE")], ids=["full", "broken"]
)
def test_a_store_that_cannot_be_made_is_no_bug(tmp_path, monkeypatch, code, reason):
    def refuse(path, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises((LimitError, UnavailableError)) as caught:
        Database(tmp_path / "jobs.sqlite")
    assert caught.value.reason == reason


def test_a_store_that_was_refused_lets_go_of_its_file(tmp_path, monkeypatch):
    def refuse(database, run):
        raise UnavailableError("the disk was away.", reason="STORAGE_UNWRITABLE")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "_migrate", refuse)
        with pytest.raises(UnavailableError) as kept:  # the traceback keeps the connection, as a log would
            Database(tmp_path / "jobs.sqlite")
    Database(tmp_path / "jobs.sqlite").close()
    assert kept.value.reason == "STORAGE_UNWRITABLE"
