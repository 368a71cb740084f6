"""Cells: one table as words, for the terminal, Markdown or a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from predictor.report import markup
from predictor.report.markup import model, section, text
from predictor.results.text import visible


@dataclass(frozen=True)
class Sheet:
    """Cells of one table, as words; `empty` stands where there are no rows."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str

    def columns(self, *wanted: int) -> Sheet:
        """Some of its columns, in this order."""
        rows = tuple(tuple(row[i] for i in wanted) for row in self.rows)
        return Sheet(self.caption, tuple(self.headings[i] for i in wanted), rows, self.empty)

    def grouped(self, column: int) -> Sheet:
        """A narrower sheet: what stands in one column heads the rows that have it, on a row of its own."""
        rest = [i for i in range(len(self.headings)) if i != column]
        rows: list[tuple[str, ...]] = []
        for before, row in zip((None, *self.rows), self.rows, strict=False):
            if before is None or before[column] != row[column]:
                rows.append((f"({row[column]})", *("" for _ in rest[1:])))
            rows.append(tuple(row[i] for i in rest))
        return Sheet(self.caption, tuple(self.headings[i] for i in rest), tuple(rows), self.empty)

    def pipes(self) -> list[str]:
        """Lines of a Markdown table, or what stands in its place."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(visible(cell).replace("|", "\\|") for cell in cells) + " |"

        if not self.rows:
            return [self.empty]
        return [line(self.headings), "|---|" + "---:|" * (len(self.headings) - 1), *map(line, self.rows)]

    def html(self, lead: str) -> str:
        """A titled section of a page; `lead` is text."""
        if not self.rows:
            return section(self.caption, f"<p>{text(self.empty)}</p>")
        rows = [[model(first), *map(text, others)] for first, *others in self.rows]
        headings = [text(heading) for heading in self.headings]
        return section(self.caption, markup.table(self.caption, headings, rows, "measured"), lead=text(lead))
