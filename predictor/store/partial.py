"""Partial features: the rows that a run has read so far, so that a killed or cancelled one goes on where it stopped."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.errors import LimitError, UnavailableError
from predictor.folders import replace_file
from predictor.statistics.arrays import Ints
from predictor.store.entries import encode, read_entry

FLUSH_SECONDS = 10.0
"""Work that a kill costs at most, beside the batch that is run; a run that is shorter writes no part."""

MAX_AGE_SECONDS = 7 * 24 * 3600.0
"""Parts that nobody came back for are deleted after this time."""

Values = tuple[NDArray[np.float32], ...]
"""Of some rows (b, d) features, one array per output of a run."""


class PartialFeatures:
    """Parts of one run: files of some rows each, in the format of entries, checked in full when they are read.

    A part that is damaged, or of other outputs, is ignored and its rows are computed again. Where the disk is full or
    read-only nothing is written.

    Attributes:
        folder: of this run's parts; missing while there are none.
        flush_seconds: time between two parts.
    """

    flush_seconds = FLUSH_SECONDS

    def __init__(
        self, store: Path, entries: Sequence[str], make_room: Callable[[int], None] = lambda size: None
    ) -> None:
        """
        Args:
            store: folder of the feature store.
            entries: keys of the outputs that the run computes, in their order.
            make_room: called with the bytes of each part before it is written; raises LimitError.
        """
        self._make_room = make_room
        self._key = hashlib.sha256("\n".join(("partial", *entries)).encode()).hexdigest()
        self._outputs = len(entries)
        self.folder = store / "partial" / self._key
        self._waiting: list[tuple[Ints, Values]] = []
        self._flushed = time.monotonic()

    def parts(self, rows: int) -> Iterator[tuple[Ints, Values]]:
        """Row numbers and values of every sound part.

        Args:
            rows: number of rows of the run; a part of other rows is ignored.
        """
        for path in sorted(self.folder.glob("*.w2sf")):
            try:
                found = read_entry(path, self._key)
            except OSError:
                continue
            if found is None:
                continue
            numbers = np.asarray(found.about.get("rows", ()), dtype=np.intp)
            widths = tuple(int(width) for width in found.about.get("widths", ()))
            fits = len(widths) == self._outputs and sum(widths) == found.values.shape[1]
            if fits and all(0 <= number < rows for number in numbers):
                yield numbers, tuple(np.split(found.values, np.cumsum(widths)[:-1], axis=1))

    def add(self, rows: Ints, values: Values) -> None:
        """Note the values of some rows; writes a part where the last one was `flush_seconds` ago."""
        self._waiting.append((rows, values))
        if time.monotonic() - self._flushed >= self.flush_seconds:
            self.flush()

    def flush(self) -> None:
        """Write what was added since the last part."""
        self._flushed = time.monotonic()
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        rows = np.concatenate([numbers for numbers, _ in waiting])
        blocks = [np.concatenate(values, axis=1) for _, values in waiting]
        about = {"rows": rows.tolist(), "widths": [one.shape[1] for one in waiting[0][1]]}
        path = self.folder / f"{len(list(self.folder.glob('*.w2sf'))):06d}-{secrets.token_hex(4)}.w2sf"
        try:
            self._make_room(sum(one.nbytes for one in blocks))
            replace_file(path, encode(self._key, (len(rows), blocks[0].shape[1]), blocks, about))
        except (LimitError, UnavailableError):
            return  # the run goes on; only a kill would cost more

    def discard(self) -> None:
        """Delete every part: the run is complete and stored."""
        self._waiting = []
        for path in self.folder.glob("*"):
            path.unlink(missing_ok=True)
        try:
            self.folder.rmdir()
        except OSError:
            return  # never made, or another run of the same rows has just written there


def tidy_partial(store: Path, now: float) -> int:
    """Delete the parts that were written too long ago; returns bytes freed."""
    freed = 0
    for folder in (store / "partial").glob("*"):
        for path in folder.glob("*"):
            try:
                facts = path.stat()
                if facts.st_mtime < now - MAX_AGE_SECONDS:
                    path.unlink()
                    freed += facts.st_size
            except FileNotFoundError:
                continue  # a run that has just ended deleted it
        try:
            folder.rmdir()
        except OSError:
            continue  # parts that may still be wanted
    return freed
