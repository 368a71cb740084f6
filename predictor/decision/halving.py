"""Successive halving: more candidates, each trained on part of the rows first, for the price of the full trainings.

Jamieson, Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization", arXiv:1502.07943,
Algorithm 1 with η = 2. With K full trainings to spend, K rungs cost one full training each at most: 2^(K−1) candidates
on 2^−(K−1) of the rows, the better half of them on twice as many, and so on to one on all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_RUNGS = 5

MIN_ROWS = 64
"""Rows below which a partial training is too short to order candidates."""


@dataclass(frozen=True)
class Rung:
    """Trainings of one round.

    Attributes:
        rows: of the student's training set that each is trained on.
        candidates: how many are trained; the better half goes on.
    """

    rows: int
    candidates: int


def rungs(launches: int, candidates: int, rows: int) -> tuple[Rung, ...]:
    """The rounds for the price of `launches` full trainings; none where one round alone is left.

    Args:
        launches: full trainings to spend, ≥ 1.
        candidates: that may be trained.
        rows: of the student's full training set.
    """
    count = min(launches, MAX_RUNGS, max(1, (rows // MIN_ROWS).bit_length()), max(1, candidates).bit_length())
    if count < 2:
        return ()
    first = min(2 ** (count - 1), candidates)
    return tuple(Rung(rows // 2 ** (count - 1 - i), max(1, first // 2**i)) for i in range(count))


def widest(order: Sequence[int], plan: Sequence[Rung]) -> tuple[int, ...]:
    """The candidates of the first round, from those in rank order."""
    return tuple(order[: plan[0].candidates]) if plan else ()
