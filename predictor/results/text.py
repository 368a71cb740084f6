"""Words: how numbers, units and kinds of evidence read to people, the same in every report."""

from __future__ import annotations

import math
from collections.abc import Iterable

from predictor.results.candidate import Candidate, Interval
from predictor.results.names import visible
from predictor.results.ranking import EvidenceUse, Ranking

UNITS = {
    "label variance": "1 is the error of always answering the mean label",
    "fraction": "1 closes the whole gap between the weak model and the ceiling",
    "accuracy points": "1 is one more right answer in a hundred rows",
}
"""What 1 means in each unit."""

ABSENT = "–"
"""Shown where a value does not exist."""


def unit_of(unit: str) -> str:
    """The unit and what 1 means in it."""
    return f"{unit} ({UNITS[unit]})" if unit in UNITS else unit


def points_of(intervals: Iterable[Interval | None]) -> str:
    """`points` where these are accuracy points, shown beside errors in another unit; else nothing."""
    return "points" if any(i is not None and i.unit == "accuracy points" for i in intervals) else ""


def decimals_of(intervals: Iterable[Interval | None]) -> int:
    """Decimals that show two digits of the narrowest interval, 2 or 3 (1 of points): more would feign precision."""
    intervals = list(intervals)
    if points_of(intervals):
        return 1
    widths = [i.high - i.low for i in intervals if i is not None and i.low is not None and i.high is not None]
    narrowest = min((width for width in widths if width > 0), default=0.1)
    return min(3, max(2, 1 - math.floor(math.log10(narrowest))))


def number(value: float | None, decimals: int = 3, signed: bool = False) -> str:
    """A number for people, a dash where there is none."""
    if value is None:
        return ABSENT
    if value and abs(value) >= 10_000:
        return f"{value:{'+' if signed else ''}.2e}"
    text = f"{value:{'+' if signed else ''}.{decimals}f}"
    # A rounded zero carries no sign: "-0.00" would claim a direction that the digits do not show.
    return text.lstrip("+-") if float(text) == 0 else text


def right_of(candidate: Candidate) -> str:
    """How often teacher and student are expected to name the right class; nothing where nobody predicted it."""
    for estimate in candidate.estimates.values():
        student, teacher = estimate.details.get("w2s_accuracy"), estimate.details.get("weak_accuracy")
        if student is not None and teacher is not None:
            name = visible(candidate.name)
            expected = f"is expected to name the right class in {student:.1%} of rows"
            return f"the student of {name} {expected}, {name} itself in {teacher:.1%}"
    return ""


def compact(value: float | None) -> str:
    """A number of unknown magnitude in three significant digits."""
    return ABSENT if value is None else f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def percent(value: float | None) -> str:
    """A probability in whole percent; one counted over finitely many draws is never shown as impossible."""
    if value is None:
        return ABSENT
    if value < 0.005:
        return "<1%"
    if 0.995 <= value < 1:
        return ">99%"
    return f"{value:.0%}"


def span(interval: Interval | None, decimals: int, signed: bool = False) -> str:
    """`0.31 [0.27, 0.36]`, without brackets where there are no bounds; signs are aligned."""
    if interval is None or interval.value is None:
        return ABSENT
    middle = number(interval.value, decimals, signed)
    if signed and middle[0] not in "+-":
        middle = f" {middle}"
    if interval.low is None or interval.high is None:
        return middle
    return f"{middle} [{number(interval.low, decimals, signed)}, {number(interval.high, decimals, signed)}]"


def ranks(low: int | None, high: int | None) -> str:
    """A rank interval: `1–2`, or `1` where it is one rank."""
    if low is None or high is None:
        return ABSENT
    return str(low) if low == high else f"{low}–{high}"


def layer_of(layer: str | None) -> str:
    """`layer 6`, or `labels only`; nothing for arrays, whose layer nobody knows."""
    if layer == "labels":
        return "labels only"
    return "" if layer in (None, "given") else f"layer {visible(str(layer))}"


LITTLE = 0.1
"""Correlation with the labels below which a voter is reported as uninformative."""

_VOTERS = {"description": "descriptions", "proxy": "proxies", "weak": "weak labels"}


def evidence_lines(ranking: Ranking) -> list[str]:
    """A line per kind of evidence that votes on the labels: its share, and how far each voter is trusted."""
    found = []
    for kind, shown in _VOTERS.items():
        uses = [one for one in ranking.evidence_kinds if one.kind == kind]
        if uses:
            share = sum(one.weight for one in uses)
            found.append(f"{shown}, {share:.0%} of the vote: {', '.join(map(_use, uses))}")
    past = (one for one in ranking.evidence_kinds if one.kind == "past_outcomes")
    found += (
        f"past outcomes, {one.weight:.0%} of the order: {visible(one.name)} (correlation with outcomes here "
        f"taken to be {one.reliability:.2f})"
        for one in past
    )
    return found


def _use(one: EvidenceUse) -> str:
    known = one.reliability if one.gold_correlation is None else one.gold_correlation
    little = ", trusted little" if known < LITTLE else ""
    if one.gold_correlation is None:
        return f"{visible(one.name)} (correlation with the labels taken to be {known:.2f}{little})"
    return f"{visible(one.name)} (correlation with the gold labels {one.gold_correlation:.2f}{little})"
