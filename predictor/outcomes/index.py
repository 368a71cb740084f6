"""OutcomeIndex: which outcomes a file of lines holds, and where each of them lies."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import NamedTuple

FILTERS = ("task", "strong", "recipe")
"""Fields that listings ask for."""


class Mark(NamedTuple):
    """Where a page ends, also where lines before it are set aside later.

    Attributes:
        place: number of outcomes before the next one.
        id: of the last one of the page.
    """

    place: int
    id: str


class OutcomeIndex:
    """Ids, places and filtered fields of the lines of one file, from its start to `end`; 160 bytes an outcome.

    A place is the number of outcomes before one. Texts are kept as hashes, which may agree by chance: whoever reads a
    line has to look at it again.
    """

    def __init__(self) -> None:
        self._ends = array("q", [0])
        self._hashes = {name: array("q") for name in FILTERS}
        self._places: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._ends) - 1

    @property
    def end(self) -> int:
        """Bytes of the file that are taken in."""
        return self._ends[-1]

    @property
    def different(self) -> int:
        """Outcomes without those that lie there twice."""
        return len(self._places)

    def add(self, name: str, fields: Mapping[str, object], size: int) -> None:
        """Take in the next line, of that many bytes."""
        self._places[bytes.fromhex(name)] = len(self)
        for filtered, hashes in self._hashes.items():
            hashes.append(hash(str(fields.get(filtered))))
        self._ends.append(self.end + size)

    def place(self, name: str) -> int | None:
        """Where the outcome with this id lies; None where it does not."""
        return self._places.get(bytes.fromhex(name))

    def span(self, place: int) -> tuple[int, int]:
        """First byte of the line at a place, and its number of bytes."""
        return self._ends[place], self._ends[place + 1] - self._ends[place]

    def find(self, start: int, wanted: Mapping[str, str]) -> Iterator[int]:
        """Places from `start` on whose fields are those wanted, or agree with them by chance."""
        asked = [(self._hashes[name], hash(value)) for name, value in wanted.items()]
        for place in range(start, len(self)):
            if all(hashes[place] == value for hashes, value in asked):
                yield place
