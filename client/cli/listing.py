"""Listing: columns of text that line up."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.results.names import visible


def listing(headings: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> str:
    """Rows under headings, or the `empty` sentence. The last column is not padded, so that it may be long."""
    if not rows:
        return empty
    shown = [list(headings), *([visible(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(headings) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in shown
    )
