"""Store: what the job table asks of a database, and which one a server is given."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from predictor.errors import InputError


class Session(Protocol):
    """A connection that takes SQL with `?` for values; rows are read by column name and by number."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any:
        """A cursor, as in DB-API."""


class Store(Protocol):
    """A database; for one thread at a time.

    Attributes:
        shared: whether other servers may take jobs from it at the same time.
        clock: SQL of the time now, in microseconds since 1970; the same for all servers.
        lock: SQL behind a SELECT that locks its rows until the transaction ends; it waits for other servers.
        skip_locked: the same, but rows that another server has locked are left out.
    """

    shared: bool
    clock: str
    lock: str
    skip_locked: str

    def transaction(self) -> AbstractContextManager[Session]:
        """Everything inside is durable when the block ends, or nothing of it is."""

    def reading(self) -> AbstractContextManager[Session]:
        """Reads outside a transaction, or within the one that is open."""

    def snapshot(self, path: Path) -> None:
        """Write a copy as of this moment to a new file.

        Raises:
            RefusedError: the database has tools of its own for that.
        """

    def close(self) -> None:
        """Close it."""


def open_store(place: Path | str) -> Store:
    """The store of a path (SQLite), locked against every other server, or of a URL `postgresql://…`, which they share.

    Raises:
        InputError: another URL, or psycopg is not installed.
        RefusedError: another server holds the file, or a newer version wrote it.
        LimitError, UnavailableError: it cannot be reached or written.
    """
    if isinstance(place, Path):
        from server.durable.database import Database

        return Database(place)
    check_url(place)
    try:
        from server.durable.postgres import PostgresDatabase
    except ModuleNotFoundError as error:
        raise InputError(
            f"a PostgreSQL store needs {error.name}, which is not installed here: pip install "
            "'w2s-predictor[postgres]'.",
            reason="MISSING_PACKAGE",
            field="database",
        ) from error
    return PostgresDatabase(place)


def check_url(text: str) -> None:
    """Refuse what names no database that is known. The text itself is not repeated: it may contain a password.

    Raises:
        InputError: it does not.
    """
    if not text.startswith(("postgresql://", "postgres://")):
        raise InputError(
            "the database URL is not understood; give postgresql://USER@HOST/NAME, or leave it out for a file in the "
            "state folder.",
            reason="BAD_DATABASE",
            field="database",
        )
