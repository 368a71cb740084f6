"""Comparison: two rankings side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.query.evidence import evidence_text
from predictor.results.candidate import Candidate, Interval
from predictor.results.job import Job
from predictor.results.order import order_of
from predictor.results.ranking import Ranking
from predictor.results.text import decimals_of, number, percent, ranks
from predictor.statistics.rank_correlation import rank_correlation


@dataclass(frozen=True)
class Side:
    """One candidate in one ranking, as text; empty where it is not ranked there."""

    rank: str = ""
    ranks: str = ""
    p_best: str = ""
    value: str = ""
    interval: str = ""


@dataclass(frozen=True)
class Row:
    """One candidate in both; `moved` is by how many ranks it is better in the second, None where it is in one only."""

    name: str
    first: Side
    second: Side
    moved: int | None


@dataclass(frozen=True)
class Column:
    """One ranking: the facts above its column."""

    job: Job
    student: str
    rows: int
    evidence: str
    order: str


@dataclass(frozen=True)
class Comparison:
    """Two rankings.

    Attributes:
        first, second: what each is of.
        rows: every candidate of either, in the order of the first, then of the second.
        agreement: rank correlation over the candidates of both, or None for fewer than three.
        warnings: why the two should not be compared, as sentences.
    """

    first: Column
    second: Column
    rows: tuple[Row, ...]
    agreement: float | None
    warnings: tuple[str, ...]


def compare(first: Job, first_ranking: Ranking, second: Job, second_ranking: Ranking) -> Comparison:
    """Two jobs' rankings, candidate by candidate."""
    one, other = sides_of(first_ranking), sides_of(second_ranking)
    names = list(dict.fromkeys([*one, *other]))
    places = {name: (_rank(first_ranking, name), _rank(second_ranking, name)) for name in names}
    both = [(a, b) for a, b in places.values() if a is not None and b is not None]
    rows = tuple(
        Row(name, one.get(name, Side()), other.get(name, Side()), None if a is None or b is None else a - b)
        for name, (a, b) in places.items()
    )
    agreement = rank_correlation(np.array([a for a, _ in both], float), np.array([b for _, b in both], float))
    columns = _column(first, first_ranking), _column(second, second_ranking)
    return Comparison(*columns, rows, agreement, tuple(_warnings(first_ranking, second_ranking)))


def _warnings(one: Ranking, other: Ranking) -> list[str]:
    found = []
    if one.strong.name != other.strong.name:
        found.append("The students differ, so the predicted numbers are not of the same training.")
    if one.rows_sha256 != other.rows_sha256:
        found.append("The rows differ: part of every difference is the choice of rows.")
    if one.rank_by != other.rank_by:
        found.append("They are ordered by different quantities, so the values cannot be compared, only the ranks.")
    return found


def _column(job: Job, ranking: Ranking) -> Column:
    evidence = evidence_text(ranking.evidence).short
    return Column(job, ranking.strong.name, ranking.rows, evidence, order_of(ranking).sentence)


def _rank(ranking: Ranking, name: str) -> int | None:
    return next((one.rank for one in ranking.candidates if one.name == name), None)


def sides_of(ranking: Ranking) -> dict[str, Side]:
    """Every candidate of a ranking by name, those that failed last."""
    ranked = [one for one in ranking.candidates if one.rank is not None]
    intervals = order_of(ranking).intervals
    decimals = decimals_of(intervals)
    found = {one.name: _side(one, interval, decimals) for one, interval in zip(ranked, intervals, strict=True)}
    return found | {one.name: Side(value="failed") for one in ranking.candidates if one.rank is None}


def _side(candidate: Candidate, interval: Interval | None, decimals: int) -> Side:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return Side(
        str(candidate.rank),
        ranks(candidate.rank_low, candidate.rank_high),
        percent(candidate.p_best),
        number(None if interval is None else interval.value, decimals),
        "" if low is None or high is None else f"{number(low, decimals)} to {number(high, decimals)}",
    )
