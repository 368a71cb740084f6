"""Order: what the candidates were ranked by, as one interval each, and what a shuffled candidate would get."""

from __future__ import annotations

from dataclasses import dataclass

from predictor.results.candidate import Better, Interval
from predictor.results.ranking import Ranking
from predictor.results.text import decimals_of, number


@dataclass(frozen=True)
class Order:
    """The quantity behind the ranks.

    Attributes:
        name: for people.
        better: its direction.
        intervals: one per ranked candidate, in order.
        forecast: True where outcomes were predicted; else an estimator's own value made the order.
    """

    name: str
    better: Better
    intervals: tuple[Interval | None, ...]
    forecast: bool

    @property
    def sentence(self) -> str:
        """Name and direction."""
        return f"{self.name}, {self.better} is better"


def order_of(ranking: Ranking) -> Order:
    """The order of a ranking's ranked candidates."""
    ranked = [candidate for candidate in ranking.candidates if candidate.rank is not None]
    if ranking.rank_by == "w2s_error":
        return Order("predicted W2S error", "lower", tuple(c.predicted_w2s_error for c in ranked), True)
    if ranking.rank_by == "accuracy":
        return Order("predicted accuracy", "higher", tuple(c.predicted_accuracy for c in ranked), True)
    if ranking.rank_by == "gain":
        return Order("predicted gain", "higher", tuple(c.predicted_gain for c in ranked), True)
    estimates = [candidate.estimates.get(ranking.rank_by) for candidate in ranked]
    directions: list[Better] = [estimate.better for estimate in estimates if estimate is not None] or ["lower"]
    values = (None if e is None else Interval(e.value, e.low, e.high, e.unit) for e in estimates)
    return Order(ranking.rank_by.replace("_", " "), directions[0], tuple(values), False)


def null_line(ranking: Ranking) -> str:
    """One sentence on the band of shuffled candidates and how many are outside it; "" where there is none."""
    null = ranking.null
    if null.value is None:
        return ""
    order = order_of(ranking)
    # Outcomes are always compared with the shuffled W2S error, also where gain makes the order.
    quantity = "W2S error" if order.forecast else order.name
    decimals = decimals_of([Interval(null.value, null.low, null.high, null.unit)])
    band = "" if null.low is None or null.high is None else f" [{null.low:.{decimals}f}, {null.high:.{decimals}f}]"
    return (
        f"with rows shuffled a candidate's {quantity} is {number(null.value, decimals)}{band}; "
        f"{null.separable} of {len(order.intervals)} {'is' if null.separable == 1 else 'are'} better than that"
    )
