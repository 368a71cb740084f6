"""Table: a ranking at a glance in 80 to 120 columns of a terminal."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

from predictor.query.evidence import evidence_text
from predictor.results.advice import decision_lines
from predictor.results.candidate import Candidate, Interval
from predictor.results.columns import Column, columns_of
from predictor.results.names import visible
from predictor.results.order import Order, null_line, order_of
from predictor.results.ranking import NullBand, Ranking
from predictor.results.suggestion import in_words
from predictor.results.text import (
    evidence_lines,
    layer_of,
    percent,
    ranks,
    right_of,
    span,
    unit_of,
)

MARGIN = 10
"""Width of the word that opens each note."""

BARS = (14, 30)
"""Narrowest and widest drawing of an interval; below the narrowest none is drawn."""


SUGGESTED = 3
"""Suggested rows that are listed."""

NEEDED = 2
"""Outcomes that are always shown; further ones where names keep their room."""


def table(ranking: Ranking, width: int = 100) -> str:
    """The ranking as text, without a final newline; the last line is the advice.

    Args:
        ranking: what to show.
        width: columns available; from 72 on, no line is longer, except the advice, which stays one line.
    """
    ranked = [candidate for candidate in ranking.candidates if candidate.rank is not None]
    failed = [candidate for candidate in ranking.candidates if candidate.rank is None]
    strong = ranking.strong
    about = (visible(strong.name), layer_of(strong.layer), f"{strong.dim} dimensions")
    lines = [
        *_note("student", " · ".join(part for part in about if part), width),
        *_note("rows", f"{ranking.rows:,} · ranked by {order_of(ranking).sentence}", width),
        "",
    ]
    if ranked:
        lines += [*_rows(ranked, ranking, width), ""]
    for candidate in failed:
        reason = candidate.error.message if candidate.error else "no reason was given"
        lines += _note("✗ failed", f"{visible(candidate.name)}: {visible(reason)}", width)
    if failed:
        lines.append("")
    lines += [*_notes(ranked, ranking, width), ""]
    for word, line in decision_lines(ranking):
        lines += _note(word, line, width)
    lines += ["", ranking.advice()] if ranking.decision is not None else [ranking.advice()]
    return "\n".join(lines)


def _notes(ranked: Sequence[Candidate], ranking: Ranking, width: int) -> list[str]:
    lines = _note("evidence", evidence_text(ranking.evidence).sentence, width)
    for line in evidence_lines(ranking):
        lines += _note("", line, width)
    unit = next((c.predicted_w2s_error.unit for c in ranked if c.predicted_w2s_error), "")
    if unit:
        lines += _note("unit", f"{unit_of(unit)}; intervals are 90 %", width)
    if ranking.null.value is not None:
        lines += _note("null", null_line(ranking), width)
    if any(mark.strip() for mark in _brackets(ranked)):
        lines += _note("ties", "rows joined by ┌ │ └ are not separable from each other", width)
    for candidate in ranked[:1]:
        if right_of(candidate):
            lines += _note("right", right_of(candidate), width)
    if ranking.value_of_labels:
        lines += _note("labels", in_words(ranking.value_of_labels), width)
    for one in ranking.suggested_labels[:SUGGESTED]:
        lines += _note("", f"label {visible(one.id)}: {visible(one.reason)}", width)
    if len(ranking.suggested_labels) > SUGGESTED:
        more = len(ranking.suggested_labels) - SUGGESTED
        lines += _note("", f"and {more} more: all are in the JSON and in the file of --suggestions", width)
    for notice in ranking.notices:
        lines += _note("warning", visible(notice), width)
    return lines


def _rows(ranked: Sequence[Candidate], ranking: Ranking, width: int) -> list[str]:
    names = ["candidate", *(visible(candidate.name) for candidate in ranked)]
    longest = max(12, *(_cells(name) for name in names))
    outcomes = columns_of(ranking)
    columns = _figures(ranked, outcomes[:NEEDED])
    if _room(columns, width) < min(longest, 36):
        columns = _figures(ranked, outcomes[:NEEDED], 2)
    for one in outcomes[NEEDED:]:
        wider = [*columns, _figure(one)]
        if _room(wider, width) < min(longest, 36):
            break
        columns = wider
    widths = [max(_cells(text) for text in column) for column in columns]
    room = _room(columns, width)
    bar = min(BARS[1], room - min(longest, 36) - 2)
    name_width = max(12, min(longest, room - (bar + 2 if bar >= BARS[0] else 0)))
    drawn = _bars(order_of(ranking), ranking, bar) if bar >= BARS[0] else [""] * len(names)
    lines = []
    for row, mark in enumerate(["  ", *_brackets(ranked)]):
        place, low_high, best, *figures = (column[row] for column in columns)
        shown = "  ".join(_left(figure, space) for figure, space in zip(figures, widths[3:], strict=True))
        name = _left(_shorten(names[row], name_width), name_width)
        lines.append(
            f"{mark}{_right(place, widths[0])} {_left(low_high, widths[1])}  {name}  {_right(best, widths[2])}  "
            f"{shown}  {drawn[row]}".rstrip()
        )
    return lines


def _room(columns: Sequence[Sequence[str]], width: int) -> int:
    """Columns left for names and drawings beside the figures."""
    return width - (1 + sum(max(_cells(text) for text in column) + 2 for column in columns))


def _figures(ranked: Sequence[Candidate], outcomes: Sequence[Column], digits: int = 3) -> list[list[str]]:
    """Place, rank interval, P(best) and outcomes, with so many decimals at most."""
    return [
        ["", *(str(candidate.rank) for candidate in ranked)],
        ["rank", *(ranks(candidate.rank_low, candidate.rank_high) for candidate in ranked)],
        ["P(best)", *(percent(candidate.p_best) for candidate in ranked)],
        *(_figure(one, digits) for one in outcomes),
    ]


def _figure(outcome: Column, digits: int = 3) -> list[str]:
    shown = min(outcome.decimals, digits)
    return [outcome.name, *(span(interval, shown, outcome.signed) for interval in outcome.intervals)]


def _brackets(ranked: Sequence[Candidate]) -> list[str]:
    """A mark per row that joins neighbours of one tie group."""
    groups = [candidate.tie_group for candidate in ranked]
    marks = []
    for place, group in enumerate(groups):
        above = group is not None and place > 0 and groups[place - 1] == group
        below = group is not None and place + 1 < len(groups) and groups[place + 1] == group
        marks.append({(False, False): "  ", (False, True): "┌ ", (True, True): "│ ", (True, False): "└ "}[above, below])
    return marks


def _bars(order: Order, ranking: Ranking, width: int) -> list[str]:
    """The ranked quantity on one scale, over the band of shuffled candidates where that is of the same quantity."""
    null = NullBand() if ranking.rank_by in ("accuracy", "gain") else ranking.null
    ends = [v for i in order.intervals if i is not None for v in (i.value, i.low, i.high) if v is not None]
    ends += [v for v in (null.low, null.high) if v is not None]
    if not ends or min(ends) == max(ends):
        return [""] * (len(order.intervals) + 1)
    low, high = min(ends), max(ends)

    def place(value: float) -> int:
        return round((value - low) / (high - low) * (width - 1))

    def draw(interval: Interval | None) -> str:
        cells = [" "] * width
        if null.low is not None and null.high is not None:
            cells[place(null.low) : place(null.high) + 1] = "░" * (place(null.high) - place(null.low) + 1)
        if low < 0 < high:
            cells[place(0.0)] = "┊"
        if interval is not None and interval.low is not None and interval.high is not None:
            cells[place(interval.low) : place(interval.high) + 1] = "─" * (
                place(interval.high) - place(interval.low) + 1
            )
        if interval is not None and interval.value is not None:
            cells[place(interval.value)] = "●"
        return "".join(cells)

    left, right = f"{low:.2f}", f"{high:.2f}"
    return [f"{left}{'·' * (width - len(left) - len(right))}{right}", *(draw(interval) for interval in order.intervals)]


def _note(word: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        f"{word:<{MARGIN}}{text}",
        max(width, 40),
        subsequent_indent=" " * MARGIN,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _cells(text: str) -> int:
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _left(text: str, width: int) -> str:
    return text + " " * (width - _cells(text))


def _right(text: str, width: int) -> str:
    return " " * (width - _cells(text)) + text


def _shorten(text: str, width: int) -> str:
    """The text cut in its middle, so that a package's name and a layer's number both survive."""
    if _cells(text) <= width:
        return text
    tail = (width - 1) * 3 // 5
    while _cells(text[-tail:]) > (width - 1) * 3 // 5:
        tail -= 1
    head = len(text) - tail
    while _cells(text[:head]) + 1 + _cells(text[-tail:]) > width:
        head -= 1
    return f"{text[:head]}…{text[-tail:]}"
