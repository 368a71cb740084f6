"""OutcomeStore: measured outcomes in one SQLite file."""

from __future__ import annotations

import errno
import json
import os
import shlex
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import InputError, LimitError, NotFoundError, UnavailableError
from predictor.folders import make_private, state_dir, storage_error
from predictor.outcomes.outcome import Outcome, content_id
from predictor.results.selection import Fields

MAX_BYTES = 16 << 10
"""Of one outcome as JSON."""

ANY = "any"
"""In place of a recipe: all of them."""

POLL_SECONDS = 0.01
BUSY_SECONDS = 60.0
"""How long a process waits for another one's transaction."""

_TABLE = """
CREATE TABLE IF NOT EXISTS outcomes (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL, strong TEXT NOT NULL, recipe TEXT NOT NULL, json TEXT NOT NULL
)"""

_INSERT = "INSERT OR IGNORE INTO outcomes (id, task, strong, recipe, json) VALUES (?, ?, ?, ?, ?)"

_SELECT = """
SELECT id, json FROM outcomes WHERE place > :place AND (:task IS NULL OR task = :task)
    AND (:strong IS NULL OR strong = :strong) AND (:recipe IS NULL OR recipe = :recipe)
ORDER BY place LIMIT :size"""

_ERRNO = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
}


FIELDS: Fields[Outcome] = {
    "task": lambda one: one.task, "strong": lambda one: one.strong, "weak": lambda one: one.weak,
    "recipe": lambda one: one.recipe, "origin": lambda one: one.origin, "measured_on": lambda one: one.measured_on,
    "rows": lambda one: one.rows, "seeds": lambda one: one.seeds, "w2s_error": lambda one: one.w2s_error,
    "w2s_accuracy": lambda one: one.w2s_accuracy,
}  # fmt: skip
"""What a list of outcomes is filtered and ordered by."""


@dataclass(frozen=True)
class Added:
    """Counts of one `add`.

    Attributes:
        recorded: new outcomes, on disk.
        repeated: outcomes that were there before, or came twice; ignored.
    """

    recorded: int
    repeated: int


class OutcomeStore:
    """Outcomes in the order in which they were recorded, each once: its id is a digest of its content.

    `add` returns when its outcomes are on disk. Processes and threads may share a store; each operation opens the file,
    so that a file put in its place is the one that is read. An outcome that is not what was written is never returned.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """A store in `folder`; None for this user's own, under W2S_STATE_DIR."""
        self.folder = state_dir() / "outcomes" if folder is None else folder
        self._file = self.folder / "outcomes.sqlite"
        self._old = self.folder / "outcomes.jsonl"

    def add(self, outcomes: Iterable[Outcome], limit: int | None = None) -> Added:
        """Record outcomes that are not there yet: all new ones of the batch, or none.

        Args:
            outcomes: of one batch.
            limit: how many the store may have in all; None for any number.

        Raises:
            InputError: one is too long.
            LimitError: more than `limit` (`OUTCOMES_QUOTA`), or the disk is full.
            UnavailableError: the file cannot be written or is no database, or an older version's file is in its place.
        """
        self._refuse_old()
        given = list(outcomes)
        rows = [(one.id, one.task, one.strong, one.recipe, _text(one)) for one in given]
        with self._opened(create=True) as database:
            database.execute("BEGIN IMMEDIATE")
            before = database.total_changes
            database.executemany(_INSERT, rows)
            recorded = database.total_changes - before
            if limit is not None and (stored := _count(database)) > limit:
                raise LimitError(
                    f"{recorded} new outcomes beside the {stored - recorded} recorded before; at most {limit} may be.",
                    reason="OUTCOMES_QUOTA",
                )
            database.execute("COMMIT")
        return Added(recorded, len(given) - recorded)

    def read(
        self,
        *,
        task: str | None = None,
        strong: str | None = None,
        recipe: str | None = None,
        after: str | None = None,
        size: int | None = None,
    ) -> tuple[Outcome, ...]:
        """Outcomes of one task, strong model or recipe where one is named.

        Args:
            task, strong, recipe: None for any.
            after: id of the outcome that a page before ended with; None for the first page.
            size: outcomes at most; None for all.

        Raises:
            NotFoundError: no outcome has the id `after`.
            UnavailableError: the file cannot be read or is damaged, or an older version's file is in its place.
        """
        self._refuse_old()
        if not self._file.exists():
            if after is not None:
                raise _unknown(after)
            return ()
        with self._opened() as database:
            place = 0 if after is None else _place(database, after)
            wanted = {"place": place, "task": task, "strong": strong, "recipe": recipe}
            found = database.execute(_SELECT, {**wanted, "size": -1 if size is None else size}).fetchall()
        return tuple(self._outcome(name, text) for name, text in found)

    def of_candidates(self, recipe: str | None, names: Iterable[str]) -> tuple[Outcome, ...]:
        """Outcomes of the recipe that have one of these candidates as their weak model, whatever its layer.

        Args:
            recipe: `any` for every one; None for no outcomes at all.
            names: of candidates and of their models, as given or by reference.
        """
        if recipe is None:
            return ()
        bases = {name.partition("#")[0] for name in names}
        found = self.read(recipe=None if recipe == ANY else recipe)
        return tuple(one for one in found if one.weak.partition("#")[0] in bases)

    def _refuse_old(self) -> None:
        """Refuse the JSON lines of before SQLite: ignored, they would be lost unnoticed."""
        if self._old.exists():
            old, moved = shlex.quote(str(self._old)), shlex.quote(str(self.folder / "imported.jsonl"))
            raise UnavailableError(
                f"{self._old} is a store of an older version; take its outcomes over: mv {old} {moved} && "
                f"w2s outcomes import {moved}",
                reason="OUTCOMES_OLD",
            )

    @contextmanager
    def _opened(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection whose uncommitted changes are dropped at the end."""
        try:
            if create:
                make_private(self.folder)
                os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its other files this mode
            with closing(sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)) as database:
                _prepare(database)
                yield database
        except sqlite3.Error as error:
            raise self._refused(error) from error
        except OSError as error:
            raise storage_error(error, self.folder) from error

    def _refused(self, error: sqlite3.Error) -> LimitError | UnavailableError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return self._damaged(str(error))
        if code == sqlite3.SQLITE_BUSY:
            return UnavailableError(
                f"another process has locked {self._file} for {BUSY_SECONDS:.0f} s; try again.", reason="STORE_BUSY"
            )
        return storage_error(OSError(_ERRNO.get(code, errno.EIO), str(error)), self.folder)

    def _damaged(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"{self._file} is damaged ({what}); move it away, and record the outcomes of a copy again with "
            "w2s outcomes import.",
            reason="OUTCOMES_DAMAGED",
        )

    def _outcome(self, name: str, text: str) -> Outcome:
        try:
            raw = json.loads(text)
            if content_id(raw) == name:
                return Outcome.from_dict(raw)
        except (ValueError, TypeError, AttributeError, InputError):
            pass
        raise self._damaged(f"outcome {name[:12]} is not what was written")


def _prepare(database: sqlite3.Connection) -> None:
    """Set the journal and make the table where there is none.

    SQLite does not wait for its time limit where two processes change the journal of a new file at once, so this does.
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute(_TABLE)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(POLL_SECONDS)


def _text(one: Outcome) -> str:
    text = json.dumps(one.to_dict(), ensure_ascii=True, allow_nan=False)
    if len(text) > MAX_BYTES:
        raise InputError(
            f"an outcome of task {one.task[:40]!r} takes {len(text)} bytes; at most {MAX_BYTES} are recorded. Shorten "
            "its names, or give fewer predictions.",
            reason="BAD_OUTCOME",
        )
    return text


def _count(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT COUNT(*) FROM outcomes").fetchone()[0])


def _place(database: sqlite3.Connection, name: str) -> int:
    found = database.execute("SELECT place FROM outcomes WHERE id = ?", (name,)).fetchone()
    if found is None:
        raise _unknown(name)
    return int(found[0])


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"no outcome has the id {name!r}.", reason="OUTCOME_NOT_FOUND")
