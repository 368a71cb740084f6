"""The file of the job store: synced, locked, of one version, and whole after any fault."""

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from predictor.errors import LimitError, RefusedError, UnavailableError
from server.access.caller import LOCAL
from server.config import Limits
from server.durable.database import SCHEMA_VERSION, Database
from server.durable.jobs import JobTable


def test_a_full_disk_refuses_writes_and_lets_reads_go_on(database, table):
    name = table.create(LOCAL, "a", b"q").job.id
    with database.reading() as run:
        pages = run.execute("PRAGMA page_count").fetchone()[0]
        run.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LimitError, match="the disk of the job store is full; nothing was stored") as caught:
        table.create(LOCAL, "b", b"x" * 100_000)
    assert caught.value.reason == "STORAGE_FULL"
    assert table.get(LOCAL, name).job.state == "QUEUED"
    assert [row.job.id for row in table.page(LOCAL, 9, "")] == [name]
    assert table.claim().row.job.id == name


def test_a_read_only_disk_refuses_writes_and_lets_reads_go_on(database, table):
    name = table.create(LOCAL, "a", b"q").job.id
    with database.reading() as run:
        run.execute("PRAGMA query_only = ON")  # SQLite's own way to meet a disk that takes nothing any more
    for write in (lambda: table.create(LOCAL, "b", b"q"), table.claim, lambda: table.cancel(LOCAL, name)):
        with pytest.raises(UnavailableError, match="the job store cannot be read or written") as caught:
            write()
        assert caught.value.reason == "STORAGE_UNWRITABLE"
    assert [row.job.state for row in table.page(LOCAL, 9, "")] == ["QUEUED"]
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
        assert run.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        assert run.execute("PRAGMA locking_mode").fetchone()[0] == "exclusive"


def test_a_store_of_another_version_is_refused(tmp_path):
    path = tmp_path / "jobs.sqlite"
    first = Database(path)
    with first.transaction() as run:
        run.execute("UPDATE schema_version SET version = 99")
    first.close()
    with pytest.raises(RefusedError, match="the job store has schema 99, this version reads 5"):
        Database(path)


def test_a_store_that_is_no_database_is_named_damaged(tmp_path):
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"not a database at all, whatever it is called" * 100)
    with pytest.raises(UnavailableError, match="the job store is damaged"):
        Database(path)


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
    assert [row.job.id for row in table.page(LOCAL, 9, "")] == ["open", "done"]
    assert table.get(LOCAL, "done").ranking == b"\3\4\5"
    with opened.reading() as run:
        assert run.execute("SELECT size FROM jobs ORDER BY seq").fetchall()[0]["size"] == 5
    assert table.create(LOCAL, "new", b"q").seq == 10
    assert table.claim().row.job.id == "open"
    opened.close()
    Database(tmp_path / "old.sqlite").close()


def test_a_store_of_schema_4_is_converted_with_its_jobs(tmp_path):
    opened = Database(tmp_path / "jobs.sqlite")
    name = JobTable(opened, Limits()).create(LOCAL, "a", b"q").job.id
    with opened.transaction() as session:
        session.execute("ALTER TABLE jobs DROP COLUMN callback")
        session.execute("DROP TABLE callbacks")
        session.execute("UPDATE schema_version SET version = 4")
    opened.close()
    again = Database(tmp_path / "jobs.sqlite")
    assert JobTable(again, Limits()).claim().row.job.id == name
    again.close()


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
