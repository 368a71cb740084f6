"""OutcomeStore: measured outcomes in one append-only file, as safe against a crash as the disk is."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from predictor.errors import LimitError
from predictor.folders import make_private, replace_file, state_dir, storage_error
from predictor.outcomes.index import FILTERS, Mark, OutcomeIndex
from predictor.outcomes.line import append_lines, lines_of, peek_line, read_line, write_line
from predictor.outcomes.outcome import Outcome


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
    """Outcomes in the order in which they came, how many lines were set aside, and where more follow.

    Attributes:
        after: where a page ends that another one follows; None for the last one.
    """

    outcomes: tuple[Outcome, ...]
    damaged: int = 0
    after: Mark | None = None


class OutcomeStore:
    """JSON lines `outcomes.jsonl` in a folder of its own: one line an outcome, with its content id.

    A line is appended and fsynced before `add` returns. What a crash left of a line, or what the disk made of one, is
    moved to `damaged.jsonl` when it is next read, and never given out. Processes take turns by a lock.

    A store that is asked again reads only what was added to the file since, by whomever, and the lines that are asked
    for; each of these is verified whenever it is read. Threads may share one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """A store in `folder`; None for this user's own, under W2S_STATE_DIR."""
        self.folder = state_dir() / "outcomes" if folder is None else folder
        self._file = self.folder / "outcomes.jsonl"
        self._index = OutcomeIndex()
        self._stamp: _Stamp | None = None

    @property
    def indexed(self) -> int:
        """Outcomes that this store remembers the places of, at 160 bytes each."""
        return len(self._index)

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
        given, named = list(outcomes), dict[str, Outcome]()
        for one in given:
            named.setdefault(one.id, one)
        with self._locked():
            damaged = self._look()
            known = {name: place for name in named if (place := self._index.place(name)) is not None}
            if [peeked and peeked[0] for peeked in map(peek_line, self._lines(known.values()))] != list(known):
                damaged += self._mend()
            fresh = {name: one for name, one in named.items() if self._index.place(name) is None}
            kept = self._index.different
            if most is not None and kept + len(fresh) > most:
                raise LimitError(
                    f"{len(fresh)} new outcomes beside the {kept} that are kept; at most {most} may be.",
                    reason="OUTCOMES_QUOTA",
                )
            if fresh:
                self._append(fresh)
        return Added(len(fresh), len(given) - len(fresh), damaged)

    def read(self, *, task: str | None = None, strong: str | None = None, recipe: str | None = None) -> Listing:
        """All outcomes, or those of one task, strong model or recipe where one is named.

        Raises:
            UnavailableError: the folder cannot be read.
        """
        if not self._file.exists():
            return Listing(())
        wanted = _wanted(task, strong, recipe)
        try:
            with ExitStack() as stack:
                with self._locked():  # what lies there now is only ever added to, and others need not wait for us
                    file = stack.enter_context(self._file.open("rb"))
                    size = os.fstat(file.fileno()).st_size
                found = [read_line(line) for line in lines_of(file, 0, size)]
        except FileNotFoundError:
            return Listing(())
        except OSError as error:
            raise storage_error(error, self.folder) from error
        damaged = found.count(None)
        if damaged:
            with self._locked():
                self._mend()
        return Listing(_chosen(found, wanted), damaged)

    def page(
        self,
        after: Mark | None,
        size: int,
        *,
        task: str | None = None,
        strong: str | None = None,
        recipe: str | None = None,
    ) -> Listing:
        """At most `size` of what `read` gives.

        Args:
            after: where the page before ended, which was asked for with the same names; None for the first page.
            size: 1 or more.

        Raises:
            UnavailableError: the folder cannot be read.
        """
        if not self._file.exists():
            return Listing(())
        wanted = _wanted(task, strong, recipe)
        with self._locked():
            damaged = self._look()
            places, found = self._find(after, size, wanted)
            while None in found:
                damaged += self._mend()
                places, found = self._find(after, size, wanted)
        last = found[-1] if len(places) > size else None
        return Listing(_chosen(found, wanted), damaged, last and Mark(places[size - 1] + 1, last[0]))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            make_private(self.folder)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise storage_error(error, self.folder) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _look(self) -> int:
        """Take in what was added to the file, or all of it where it is another one; counts the lines set aside."""
        try:
            with self._file.open("rb") as file:
                stamp = _stamp_of(os.fstat(file.fileno()))
                if stamp == self._stamp and stamp.size == self._index.end:
                    return 0
                if not self._goes_on(file, stamp):
                    self._index = OutcomeIndex()
                self._stamp = stamp
                for line in lines_of(file, self._index.end, stamp.size):
                    peeked = peek_line(line)
                    if peeked is None:
                        return self._mend()
                    self._index.add(*peeked, len(line))
        except FileNotFoundError:
            self._index, self._stamp = OutcomeIndex(), None
        except OSError as error:
            raise storage_error(error, self.folder) from error
        return 0

    def _goes_on(self, file: BinaryIO, stamp: _Stamp) -> bool:
        """Whether the file is the one that was taken in, with more at its end: its last known line says so."""
        if self._stamp is None or stamp.file != self._stamp.file or stamp.size <= self._index.end:
            return False
        if not len(self._index):
            return True
        start, size = self._index.span(len(self._index) - 1)
        peeked = peek_line(os.pread(file.fileno(), size, start))
        return peeked is not None and self._index.place(peeked[0]) == len(self._index) - 1

    def _find(
        self, after: Mark | None, size: int, wanted: Mapping[str, str]
    ) -> tuple[list[int], list[tuple[str, Outcome] | None]]:
        """Places of a page and of one more, and what is read of the page."""
        start = 0 if after is None else self._start(after)
        places = list(islice(self._index.find(start, wanted), size + 1))
        return places, [read_line(line) for line in self._lines(places[:size])]

    def _start(self, after: Mark) -> int:
        """Place of the first outcome after a page: it moves where lines before it were set aside."""
        if 0 < after.place <= len(self._index):
            before = peek_line(*self._lines([after.place - 1]))
            if before is not None and before[0] == after.id:
                return after.place
        moved = self._index.place(after.id)
        return after.place if moved is None else moved + 1

    def _lines(self, places: Iterable[int]) -> list[bytes]:
        """What the file holds at these places."""
        spans = [self._index.span(place) for place in places]
        if not spans:
            return []
        try:
            with self._file.open("rb") as file:
                return [os.pread(file.fileno(), size, start) for start, size in spans]
        except OSError as error:
            raise storage_error(error, self.folder) from error

    def _mend(self) -> int:
        """Set aside every line that is not what was written, and take in the others anew; counts the former."""
        index, sound, damaged = OutcomeIndex(), [], []
        try:
            with self._file.open("rb") as file:
                for line in lines_of(file, 0, os.fstat(file.fileno()).st_size):
                    read = read_line(line)
                    if read is None:
                        damaged.append(line if line.endswith(b"\n") else line + b"\n")
                    else:
                        sound.append(line)
                        index.add(read[0], vars(read[1]), len(line))
        except OSError as error:
            raise storage_error(error, self.folder) from error
        if damaged:
            append_lines(self.folder / "damaged.jsonl", damaged)
            replace_file(self._file, sound)
        self._index, self._stamp = index, self._stamp_now()
        return len(damaged)

    def _append(self, fresh: Mapping[str, Outcome]) -> None:
        lines = [write_line(name, one) for name, one in fresh.items()]
        try:
            append_lines(self._file, lines)
            for (name, one), line in zip(fresh.items(), lines, strict=True):
                self._index.add(name, vars(one), len(line))
        finally:
            self._stamp = self._stamp_now()

    def _stamp_now(self) -> _Stamp | None:
        try:
            return _stamp_of(os.stat(self._file))
        except OSError:
            return None


class _Stamp(NamedTuple):
    """What changes with the file."""

    file: tuple[int, int]
    size: int
    modified: int


def _stamp_of(found: os.stat_result) -> _Stamp:
    return _Stamp((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)


def _wanted(task: str | None, strong: str | None, recipe: str | None) -> dict[str, str]:
    given = zip(FILTERS, (task, strong, recipe), strict=True)
    return {name: value for name, value in given if value is not None}


def _chosen(found: Iterable[tuple[str, Outcome] | None], wanted: Mapping[str, str]) -> tuple[Outcome, ...]:
    """The outcomes that were read and are wanted."""
    read = (one[1] for one in found if one is not None)
    return tuple(one for one in read if all(getattr(one, name) == value for name, value in wanted.items()))
