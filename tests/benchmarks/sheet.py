"""Sheet: a result file (CSV) that goes on where an earlier run stopped."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True, eq=False)
class Sheet:
    """Rows of results.

    Attributes:
        done: the key of every row that was there, as text.
        columns: of the file, in order.
        file: open to append.
    """

    done: frozenset[tuple[str, ...]]
    columns: Sequence[str]
    file: TextIO

    def write(self, row: Mapping[str, object]) -> None:
        """Append a row, numbers to four places, and make sure that it stays."""
        sheet = csv.DictWriter(self.file, self.columns, lineterminator="\n")
        sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
        self.file.flush()


@contextmanager
def continued(path: Path, columns: Sequence[str], key: Sequence[str]) -> Iterator[Sheet]:
    """Open a result file, with a header where it is new."""
    found = list(csv.DictReader(path.open(newline="", encoding="utf-8"))) if path.exists() else []
    with path.open("a", newline="", encoding="utf-8") as file:
        if file.tell() == 0:
            csv.writer(file, lineterminator="\n").writerow(columns)
            file.flush()
        yield Sheet(frozenset(tuple(row[name] for name in key) for row in found), columns, file)
