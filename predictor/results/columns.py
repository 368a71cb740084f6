"""Columns: the predicted outcomes that people are shown of a ranking, the one that makes the order first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from predictor.results.candidate import Candidate, Interval
from predictor.results.order import order_of
from predictor.results.ranking import Ranking
from predictor.results.text import decimals_of, points_of


@dataclass(frozen=True)
class Column:
    """One predicted outcome.

    Attributes:
        name: heading.
        about: unit and direction, in a few words.
        intervals: one per ranked candidate, in order.
        signed: whether numbers carry their sign.
        teacher: name of the column that holds the same of the candidate itself; "" for none.
    """

    name: str
    about: str
    intervals: tuple[Interval | None, ...]
    signed: bool = False
    teacher: str = ""

    @property
    def decimals(self) -> int:
        """As many as its intervals bear."""
        return decimals_of(self.intervals)

    @property
    def present(self) -> bool:
        """Whether any candidate has a value."""
        return any(one is not None and one.value is not None for one in self.intervals)


def columns_of(ranking: Ranking, *, pgr: bool = False) -> list[Column]:
    """The two outcomes that the order is about, then the others that have a value; PGR where it is wanted.

    Where an estimator's own value makes the order, that alone.
    """
    ranked = [candidate for candidate in ranking.candidates if candidate.rank is not None]
    order = order_of(ranking)
    if not order.forecast:
        return [Column(order.name, f"{order.better} is better", order.intervals)]
    found = {name: _column(name, about, outcome, ranked) for name, about, outcome in _COLUMNS}
    if points_of(found["gain"].intervals):
        found["gain"] = replace(found["gain"], name="gain, points", about="accuracy points")
    first = ("accuracy", "teacher") if ranking.rank_by == "accuracy" else ("W2S error", "gain")
    left = set(first) | (set() if pgr else {"PGR"})
    return [found[name] for name in first] + [one for name, one in found.items() if one.present and name not in left]


_COLUMNS = (
    ("accuracy", "share of rows", "predicted_accuracy"),
    ("teacher", "its own accuracy", "predicted_weak_accuracy"),
    ("W2S error", "lower is better", "predicted_w2s_error"),
    ("gain", "over its teacher", "predicted_gain"),
    ("RMSE", "in the label's unit", "predicted_rmse"),
    ("teacher RMSE", "its own", "predicted_weak_rmse"),
    ("AUROC", "share of pairs", "predicted_auroc"),
    ("teacher AUROC", "its own", "predicted_weak_auroc"),
    ("PGR", "gap closed", "predicted_pgr"),
)


_TEACHERS = {"accuracy": "teacher", "RMSE": "teacher RMSE", "AUROC": "teacher AUROC"}


def _column(name: str, about: str, outcome: str, ranked: Sequence[Candidate]) -> Column:
    intervals = tuple(candidate.outcomes()[outcome] for candidate in ranked)
    return Column(name, about, intervals, name == "gain", _TEACHERS.get(name, ""))
