"""Interval plot: one row per candidate, a dot and its 90 % whisker, as SVG with one text size on every screen.

Positions are percentages of the drawing's width and text is HTML, so nothing has to be scaled on a telephone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from predictor.report.axis import Axis, linear
from predictor.report.markup import model, text
from predictor.results.candidate import Interval
from predictor.results.ranking import NullBand
from predictor.results.text import decimals_of, number

ROW = 38
"""Height of a row in CSS pixels."""


@dataclass(frozen=True)
class Row:
    """One candidate's row of a plot.

    Attributes:
        interval: None where it has none.
        best: whether it is emphasised.
        measured: what came out in the end, marked beside the interval; None where nothing was measured.
    """

    name: str
    interval: Interval | None
    best: bool = False
    measured: float | None = None


def interval_plot(
    title: str, caption: str, rows: Sequence[Row], *, zero: bool = False, null: NullBand | None = None
) -> str:
    """A figure, or nothing where no interval exists.

    Args:
        title, caption: what is drawn, and how to read it.
        zero: mark 0 and sign the numbers.
        null: band of shuffled candidates to shade.
    """
    intervals = [row.interval for row in rows]
    band = null if null is not None and null.low is not None and null.high is not None else None
    ends = [v for i in intervals if i is not None for v in (i.value, i.low, i.high) if v is not None]
    if not ends:
        return ""
    if band is not None and band.low is not None and band.high is not None:
        ends += [band.low, band.high]
    ends += [row.measured for row in rows if row.measured is not None]
    scale = linear([*ends, 0.0] if zero else ends)
    decimals = decimals_of(intervals)
    drawn = "".join(_row(row, scale, decimals, zero, band) for row in rows)
    return (
        f'<figure class="plot"><figcaption><strong>{text(title)}</strong> <span>{text(caption)}</span></figcaption>'
        f'<div class="rows">{_band_label(scale, band)}{drawn}{_axis(scale, zero)}</div></figure>'
    )


def _row(row: Row, scale: Axis, decimals: int, zero: bool, band: NullBand | None) -> str:
    shown = "no value"
    mark, interval = "", row.interval
    if interval is not None and interval.value is not None:
        shown = number(interval.value, decimals, zero)
        title = f"{row.name}: {shown} {interval.unit}"
        middle = ROW / 2
        if interval.low is not None and interval.high is not None:
            left, right = scale.place(interval.low), scale.place(interval.high)
            mark += f'<line class="whisker" x1="{left:.2f}%" x2="{right:.2f}%" y1="{middle}" y2="{middle}"/>'
            title += (
                f", 90 % interval {number(interval.low, decimals, zero)} to {number(interval.high, decimals, zero)}"
            )
        mark += f'<circle cx="{scale.place(interval.value):.2f}%" cy="{middle}" r="5"/>'
        if row.measured is not None:
            at, shown = scale.place(row.measured), f"{shown} → {number(row.measured, decimals, zero)}"
            mark += f'<line class="truth" x1="{at:.2f}%" x2="{at:.2f}%" y1="{middle - 9}" y2="{middle + 9}"/>'
            title += f"; measured {number(row.measured, decimals, zero)}"
        mark += f"<title>{text(title)}</title>"
    else:
        title = f"{row.name}: no value"
    emphasis = " best" if row.best else ""
    return (
        f'<div class="row{emphasis}"><span class="name">{model(row.name)}</span>'
        f'<svg width="100%" height="{ROW}" role="img" aria-label="{text(title)}">'
        f"{_ground(scale, zero, band)}{mark}</svg>"
        f'<span class="value">{shown}</span></div>'
    )


def _ground(scale: Axis, zero: bool, band: NullBand | None) -> str:
    parts = []
    if band is not None and band.low is not None and band.high is not None:
        left, right = scale.place(band.low), scale.place(band.high)
        parts.append(f'<rect class="null" x="{left:.2f}%" width="{right - left:.2f}%" y="0" height="{ROW}"/>')
    for tick in scale.ticks:
        kind = "zero" if zero and abs(tick) < 1e-12 else "grid"
        at = scale.place(tick)
        parts.append(f'<line class="{kind}" x1="{at:.2f}%" x2="{at:.2f}%" y1="0" y2="{ROW}"/>')
    return "".join(parts)


def _band_label(scale: Axis, band: NullBand | None) -> str:
    if band is None or band.low is None or band.high is None:
        return ""
    at = (scale.place(band.low) + scale.place(band.high)) / 2
    return (
        f'<div class="row head" aria-hidden="true"><span></span><svg width="100%" height="20">'
        f'<text x="{at:.2f}%" y="14" text-anchor="middle">rows shuffled</text></svg><span></span></div>'
    )


def _axis(scale: Axis, zero: bool) -> str:
    step = min((b - a for a, b in zip(scale.ticks, scale.ticks[1:], strict=False)), default=0.1)
    decimals = max(0, len(f"{step:.6f}".rstrip("0").partition(".")[2]))
    marks = "".join(
        f'<text x="{scale.place(tick):.2f}%" y="14" text-anchor="middle">{number(tick, decimals, zero)}</text>'
        for tick in scale.ticks
    )
    return (
        '<div class="row axis" aria-hidden="true"><span></span>'
        f'<svg width="100%" height="20">{marks}</svg><span></span></div>'
    )
