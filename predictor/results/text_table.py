"""TextTable: one table as text, for the terminal, Markdown or a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from predictor.results.names import visible


@dataclass(frozen=True)
class TextTable:
    """A table of texts; `empty` is shown where there are no rows."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str

    def columns(self, *wanted: int) -> TextTable:
        """Some of its columns, in this order."""
        rows = tuple(tuple(row[i] for i in wanted) for row in self.rows)
        return TextTable(self.caption, tuple(self.headings[i] for i in wanted), rows, self.empty)

    def grouped(self, column: int) -> TextTable:
        """A narrower table: the value of one column becomes a row of its own above the rows that have it."""
        rest = [i for i in range(len(self.headings)) if i != column]
        rows: list[tuple[str, ...]] = []
        for before, row in zip((None, *self.rows), self.rows, strict=False):
            if before is None or before[column] != row[column]:
                rows.append((f"({row[column]})", *("" for _ in rest[1:])))
            rows.append(tuple(row[i] for i in rest))
        return TextTable(self.caption, tuple(self.headings[i] for i in rest), tuple(rows), self.empty)

    def pipes(self) -> list[str]:
        """Lines of a Markdown table, or `empty`."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(visible(cell).replace("|", "\\|") for cell in cells) + " |"

        if not self.rows:
            return [self.empty]
        return [line(self.headings), "|---|" + "---:|" * (len(self.headings) - 1), *map(line, self.rows)]
