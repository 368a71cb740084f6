"""Database: the one SQLite connection of a server, used by one thread and locked against every other process."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from predictor.errors import LimitError, RefusedError, UnavailableError, W2SError
from server.access.caller import LOCAL
from server.durable.callbacks import CALLBACK_TABLE

SCHEMA_VERSION = 5
_SINCE_4 = {
    "excluded": "TEXT NOT NULL DEFAULT ''",
    "labels": "TEXT NOT NULL DEFAULT ''",
    "owner": "TEXT NOT NULL DEFAULT ''",
    "lease": "BIGINT NOT NULL DEFAULT 0",
    "started": "BIGINT",
    "deadline": "BIGINT",
}
_TO_4 = tuple(f"ALTER TABLE jobs ADD COLUMN {name} {kind}" for name, kind in _SINCE_4.items())
_TO_5 = ("ALTER TABLE jobs ADD COLUMN callback TEXT NOT NULL DEFAULT ''", CALLBACK_TABLE)

_SCHEMA = """
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  request_id TEXT NOT NULL,
  digest BLOB NOT NULL,
  repeat_of TEXT,
  state TEXT NOT NULL
    CHECK (state IN ('QUEUED', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')),
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  losses INTEGER NOT NULL,
  size INTEGER NOT NULL,
  error BLOB,
  request BLOB NOT NULL,
  ranking BLOB,
  cost INTEGER NOT NULL DEFAULT 0,
  parts TEXT NOT NULL DEFAULT '',
  trace TEXT NOT NULL DEFAULT '',
  UNIQUE (tenant, request_id)
);
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE INDEX jobs_by_tenant ON jobs (tenant, seq, state, size);
CREATE TRIGGER terminal_jobs_never_change BEFORE UPDATE ON jobs
  WHEN OLD.state IN ('SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')
  BEGIN SELECT RAISE (ABORT, 'a terminal job never changes'); END;
"""

_FROM_1 = f"""
DROP TRIGGER terminal_jobs_never_change;
DROP INDEX jobs_by_state;
ALTER TABLE jobs RENAME TO jobs_of_schema_1;
{_SCHEMA}
INSERT INTO jobs (seq, tenant, id, request_id, digest, repeat_of, state, created, updated, revision, epoch, attempts,
    losses, size, error, request, ranking)
  SELECT seq, '{LOCAL}', id, request_id, digest, repeat_of, state, created, updated, revision, epoch, attempts, losses,
    length(request) + COALESCE(length(ranking), 0), error, request, ranking
  FROM jobs_of_schema_1;
DROP TABLE jobs_of_schema_1;
"""
"""Before tenants there was one caller: this machine's."""

_FROM_2 = """
ALTER TABLE jobs ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN parts TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN trace TEXT NOT NULL DEFAULT '';
"""
"""Jobs of before had no declared cost, and no parts."""

_UPGRADES = {1: _FROM_1, 2: _FROM_2, 3: "", 4: ""}
"""To schema 3; what came since is added to all of them."""


def added_since(version: int | None) -> tuple[str, ...]:
    """Statements that bring schema 3, a fresh one, or one of before to the present; for every kind of database."""
    return (*(() if version == 4 else _TO_4), *_TO_5)


class Database:
    """SQLite in WAL mode, exclusive and fully synchronous: what is committed survives a power cut.

    EXCLUSIVE also rules out the two writers that can corrupt the WAL of SQLite before 3.51.3. What is deleted is
    overwritten, since it had users' text.
    """

    shared = False
    clock = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"
    lock = skip_locked = ""  # a transaction has the whole file

    def __init__(self, path: Path) -> None:
        """Open or create the file, and lock it.

        Raises:
            RefusedError: another process has locked it, or a newer version wrote it.
            LimitError, UnavailableError: it cannot be written.
        """
        try:
            path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise (_full() if error.errno in (errno.ENOSPC, errno.EDQUOT) else _unwritable()) from error
        self._connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            self._connection.row_factory = sqlite3.Row
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                with _errors():
                    self._connection.execute(f"PRAGMA {pragma}")
            with self.transaction() as session:
                self._migrate(session)
        except BaseException:
            self._connection.close()  # its locks would block a second attempt
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is on disk when the block ends, or nothing of it is.

        Raises:
            LimitError: the disk is full; nothing was written.
            UnavailableError: the file cannot be read or written.
        """
        with _errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Reads outside a transaction; they go on where the disk is full."""
        with _errors():
            yield self._connection

    def snapshot(self, path: Path) -> None:
        """Write a copy as of this moment, under a name of its own until it is whole; commits wait meanwhile."""
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with _errors():
            self._connection.execute("VACUUM INTO ?", (str(part),))
        part.chmod(0o600)
        part.replace(path)

    def close(self) -> None:
        """Fold the log into the file and let go of it."""
        self._connection.close()

    def _migrate(self, session: sqlite3.Connection) -> None:
        session.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        found = session.execute("SELECT version FROM schema_version").fetchone()
        version = None if found is None else found["version"]
        if version is None or version in _UPGRADES:
            for statement in (*_statements(_SCHEMA if version is None else _UPGRADES[version]), *added_since(version)):
                session.execute(statement)
            session.execute("DELETE FROM schema_version")
            session.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))
            session.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")  # for tools that look at the file
        elif version != SCHEMA_VERSION:
            raise RefusedError(
                f"the job store has schema {version}, this version reads {SCHEMA_VERSION}; start the version "
                "that wrote it, or name another folder with W2S_STATE_DIR.",
                reason="SCHEMA_UNKNOWN",
            )


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit before it starts."""
    part = ""
    for line in script.splitlines():
        part += line + "\n"
        if sqlite3.complete_statement(part):
            yield part
            part = ""


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        known = _error_of(error)
        if known is None:
            raise
        raise known from error


def _error_of(error: sqlite3.DatabaseError) -> W2SError | None:
    """The caller's view of what the disk or another process did; None for a mistake of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _full()
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return RefusedError(
            "another process uses the job store; stop it, or name another folder with W2S_STATE_DIR.",
            reason="STATE_LOCKED",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return _unwritable()
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return UnavailableError(
            "the job store is damaged; set jobs.sqlite aside, or name another folder with W2S_STATE_DIR.",
            reason="STORAGE_DAMAGED",
        )
    return None


def _full() -> LimitError:
    return LimitError(
        "the disk of the job store is full; nothing was stored. Free some space and ask again.", reason="STORAGE_FULL"
    )


def _unwritable() -> UnavailableError:
    return UnavailableError(
        "the job store cannot be read or written; see that its folder is on a sound, writable disk.",
        reason="STORAGE_UNWRITABLE",
    )
