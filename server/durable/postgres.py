"""PostgresDatabase: the job store in PostgreSQL, which any number of servers share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from predictor.errors import LimitError, RefusedError, UnavailableError, W2SError
from server.durable.database import SCHEMA_VERSION, added_since

_LOCK = 0x7732735F6A6F6273
"""Of the advisory lock that all servers share: `w2s_jobs` in ASCII. Versions before schema 4 took it for themselves."""

_MIGRATING = _LOCK + 1
"""Held by the one server that makes or converts the tables."""

_CONNECT_SECONDS = 10
_SCHEMA = (
    """
CREATE TABLE jobs (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  request_id TEXT NOT NULL,
  digest BYTEA NOT NULL,
  repeat_of TEXT,
  state TEXT NOT NULL
    CHECK (state IN ('QUEUED', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')),
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  attempts INTEGER NOT NULL,
  losses INTEGER NOT NULL,
  size BIGINT NOT NULL,
  error BYTEA,
  request BYTEA NOT NULL,
  ranking BYTEA,
  cost BIGINT NOT NULL DEFAULT 0,
  parts TEXT NOT NULL DEFAULT '',
  trace TEXT NOT NULL DEFAULT '',
  UNIQUE (tenant, request_id)
)""",
    "CREATE INDEX jobs_by_state ON jobs (state, seq)",
    "CREATE INDEX jobs_by_tenant ON jobs (tenant, seq, state, size)",
    """
CREATE FUNCTION terminal_jobs_never_change() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'a terminal job never changes'; END $$""",
    """
CREATE TRIGGER terminal_jobs_never_change BEFORE UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.state IN ('SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED'))
  EXECUTE FUNCTION terminal_jobs_never_change()""",
)


class PostgresDatabase:
    """One connection, and synchronous commits. A connection that breaks is opened anew by the next use."""

    shared = True
    clock = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
    lock = "FOR UPDATE"
    skip_locked = "FOR UPDATE SKIP LOCKED"

    def __init__(self, url: str) -> None:
        """Connect, lock, and make the tables where there are none.

        Raises:
            RefusedError: a server of an earlier version holds the database, or a later one wrote it.
            UnavailableError: it cannot be reached.
        """
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None
        self._within = False
        with self.transaction() as session:
            self._migrate(session)

    @contextmanager
    def transaction(self) -> Iterator[_Session]:
        """See Store.

        Raises:
            LimitError: the database's disk is full; nothing was written.
            UnavailableError: it is away. Whether the last transaction was committed is then unknown to the caller.
            RefusedError: a server of an earlier version holds it.
        """
        with self._errors():
            session = _Session(self._connected())
            session.execute("BEGIN")
            self._within = True
            try:
                yield session
                session.execute("COMMIT")
            except BaseException:
                with suppress(psycopg.Error):  # a lost connection has rolled back by itself
                    session.execute("ROLLBACK")
                raise
            finally:
                self._within = False

    @contextmanager
    def reading(self) -> Iterator[_Session]:
        """See Store."""
        with self._errors():
            yield _Session(self._connected())

    def snapshot(self, path: Path) -> None:
        """See Store."""
        raise RefusedError("jobs in PostgreSQL are copied with pg_dump.", reason="SNAPSHOT_FAILED")

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is not None and (self._within or not self._connection.closed):
            return self._connection
        fresh = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            application_name="w2s",
            row_factory=_rows,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
        try:
            fresh.execute("SET synchronous_commit = on")
            locked = fresh.execute("SELECT pg_try_advisory_lock_shared(%s)", (_LOCK,)).fetchone()
            if locked is None or not locked[0]:
                raise RefusedError(
                    "a server of an earlier version holds this database for itself; stop it first.",
                    reason="STATE_LOCKED",
                )
        except BaseException:
            fresh.close()
            raise
        self._connection = fresh
        return fresh

    def _migrate(self, session: _Session) -> None:
        session.execute("SELECT pg_advisory_xact_lock(?)", (_MIGRATING,))
        session.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        found = session.execute("SELECT version FROM schema_version").fetchone()
        version = None if found is None else found["version"]
        if version in (None, 3, 4):  # schemas before 3 were never written here
            for statement in (*(_SCHEMA if version is None else ()), *added_since(version)):
                session.execute(statement)
            session.execute("DELETE FROM schema_version")
            session.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))
        elif version != SCHEMA_VERSION:
            raise RefusedError(
                f"the job store has schema {version}, this version reads {SCHEMA_VERSION}; start the version "
                "that wrote it, or give this one a database of its own.",
                reason="SCHEMA_UNKNOWN",
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            known = _error_of(error)
            if known is None:
                raise
            if isinstance(known, UnavailableError):
                self.close()
            raise known from error


class _Session:
    """See `server.durable.store.Session`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        """A cursor. Statements are our own, never a caller's text."""
        if not parameters:
            return self._connection.execute(sql)
        return self._connection.execute(sql.replace("?", "%s"), parameters)


class _Row(tuple[Any, ...]):
    """A row that is read by number and by name."""

    names: dict[str, int]

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self.names[key] if isinstance(key, str) else key)


def _rows(cursor: psycopg.Cursor[Any]) -> Any:
    """Makes rows, as psycopg asks for it."""
    names = {column.name: place for place, column in enumerate(cursor.description or ())}
    return type("_NamedRow", (_Row,), {"names": names})


def _error_of(error: psycopg.Error) -> W2SError | None:
    """The caller's view of what the database did, without its address; None for a mistake of ours."""
    if isinstance(error, psycopg.errors.DiskFull):
        return LimitError(
            "the disk of the job store is full; nothing was stored. Free some space and ask again.",
            reason="STORAGE_FULL",
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.ReadOnlySqlTransaction):
        return UnavailableError(
            "the database of the job store cannot be reached or written; see that it runs, and ask again.",
            reason="STORAGE_UNWRITABLE",
        )
    return None
