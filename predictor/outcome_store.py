"""OutcomeStore: measured outcomes in one append-only file, as safe against a crash as the disk is."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import InputError, LimitError
from predictor.folders import fsync_folder, replace_file, state_dir, storage_error
from predictor.outcomes import Outcome

LONGEST = 16 << 10
"""Bytes of one outcome as JSON."""


@dataclass(frozen=True)
class Added:
    """What became of outcomes that were handed in.

    Attributes:
        kept: new ones, on disk.
        repeated: those that were there before, or came twice; ignored.
        damaged: lines of the file that were set aside, because they are not what was written.
    """

    kept: int
    repeated: int
    damaged: int = 0


@dataclass(frozen=True)
class Listing:
    """Outcomes in the order in which they came, and how many lines were set aside."""

    outcomes: tuple[Outcome, ...]
    damaged: int = 0


class OutcomeStore:
    """JSON lines `outcomes.jsonl` in a folder of its own: one line an outcome, with its content id.

    A line is appended and fsynced before `add` returns. What a crash left of a line, or what the disk made of one, is
    moved to `damaged.jsonl` when the file is next read, and never counts. Processes take turns by a lock.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """A store in `folder`; None for this user's own, under W2S_STATE_DIR."""
        self.folder = state_dir() / "outcomes" if folder is None else folder
        self._file = self.folder / "outcomes.jsonl"

    def add(self, outcomes: Iterable[Outcome], most: int | None = None) -> Added:
        """Keep outcomes that are not there yet.

        Args:
            outcomes: of one batch: all new ones are kept, or none.
            most: how many the store may hold in all; None for any number.

        Raises:
            InputError: one is too long; nothing was kept.
            LimitError: more than `most` (`OUTCOMES_QUOTA`), or the disk is full; nothing was kept.
            UnavailableError: the folder cannot be written.
        """
        given = list(outcomes)
        with self._locked():
            found, damaged = self._mended()
            known = {name for name, _ in found}
            fresh: dict[str, Outcome] = {}
            for one in given:
                name = one.id
                if name not in known:
                    fresh.setdefault(name, one)
            if most is not None and len(known) + len(fresh) > most:
                raise LimitError(
                    f"{len(fresh)} new outcomes beside the {len(known)} that are kept; at most {most} may be.",
                    reason="OUTCOMES_QUOTA",
                )
            if fresh:
                self._write(self._file, [_line(name, one) for name, one in fresh.items()])
        return Added(len(fresh), len(given) - len(fresh), damaged)

    def read(self, *, task: str | None = None, strong: str | None = None, recipe: str | None = None) -> Listing:
        """Outcomes, of one task, strong model or recipe where one is named.

        Raises:
            UnavailableError: the folder cannot be read.
        """
        if not self._file.exists():
            return Listing(())
        with self._locked():
            found, damaged = self._mended()
        wanted = {"task": task, "strong": strong, "recipe": recipe}
        return Listing(
            tuple(
                one
                for _, one in found
                if all(value is None or getattr(one, name) == value for name, value in wanted.items())
            ),
            damaged,
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as fault:
            raise storage_error(fault, self.folder) from fault
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _mended(self) -> tuple[list[tuple[str, Outcome]], int]:
        """Id and outcome of every sound line, once the others are set aside."""
        try:
            raw = self._file.read_bytes()
        except FileNotFoundError:
            return [], 0
        except OSError as fault:
            raise storage_error(fault, self.folder) from fault
        sound, damaged, found = [], [], []
        for line in raw.splitlines(keepends=True):
            read = _read(line)
            if read is None:
                damaged.append(line if line.endswith(b"\n") else line + b"\n")
            else:
                sound.append(line)
                found.append(read)
        if damaged:
            self._write(self.folder / "damaged.jsonl", damaged)
            replace_file(self._file, sound)
        return found, len(damaged)

    def _write(self, path: Path, lines: Sequence[bytes]) -> None:
        """Append lines and wait for the disk; where it refuses, the file is cut back to what it was."""
        created = not path.exists()
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                before = os.fstat(handle).st_size
                try:
                    _write_all(handle, b"".join(lines))
                    os.fsync(handle)
                except OSError:
                    os.ftruncate(handle, before)
                    raise
            finally:
                os.close(handle)
            if created:
                fsync_folder(path.parent)
        except OSError as fault:
            raise storage_error(fault, self.folder) from fault


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _line(name: str, outcome: Outcome) -> bytes:
    line = json.dumps({"id": name, **outcome.to_dict()}, ensure_ascii=True, allow_nan=False).encode() + b"\n"
    if len(line) > LONGEST:
        raise InputError(
            f"an outcome of task {outcome.task[:40]!r} takes {len(line)} bytes; at most {LONGEST} are kept. Shorten "
            "its names, or give fewer predictions.",
            reason="BAD_OUTCOME",
        )
    return line


def _read(line: bytes) -> tuple[str, Outcome] | None:
    """Id and outcome of a line; None where it is not the whole of what was written."""
    if not line.endswith(b"\n"):
        return None
    try:
        raw = json.loads(line)
        name = raw.pop("id")
        outcome = Outcome.from_dict(raw)
    except (ValueError, AttributeError, KeyError, TypeError, InputError):
        return None
    return (name, outcome) if outcome.id == name else None
