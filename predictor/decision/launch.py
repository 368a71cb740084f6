"""Launch: which of the candidates to train, given how many trainings can be launched and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from predictor.decision.regret import expected_regret
from predictor.statistics.arrays import Array

ENUMERATED = 20_000
"""Sets that are compared one by one; of more, one candidate is added or replaced at a time."""


@dataclass(frozen=True)
class Launch:
    """A set of candidates to train.

    Attributes:
        chosen: columns, the first choice first.
        regret: expected, in the unit of the losses.
        cost: of all of them.
    """

    chosen: tuple[int, ...]
    regret: float
    cost: float


def best_launch(
    losses: Array, allowed: Sequence[int], count: int, costs: Array, tolerance: float | None = None
) -> Launch:
    """The set of at most `count` allowed candidates with the least expected regret; the cheapest of those that tie.

    It is not the `count` best by themselves: a candidate that is good in worlds where the first choice is not adds more
    than one that is like the first choice.

    Args:
        losses: (R, m) in plausible worlds, lower is better.
        allowed: columns that may be launched; at least one.
        costs: (m,) ≥ 0.
        tolerance: regret that may be given up for a lower cost; None for none.
    """
    count = min(count, len(allowed))
    sets = sum(comb(len(allowed), size) for size in range(1, count + 1))
    if sets <= ENUMERATED:
        tried = [one for size in range(1, count + 1) for one in combinations(allowed, size)]
    else:
        tried = list(_grown(losses, allowed, count))
    regrets = np.array([expected_regret(losses, one) for one in tried])
    prices = np.array([float(costs[list(one)].sum()) for one in tried])
    near = regrets <= regrets.min() + (1e-12 if tolerance is None else tolerance)
    place = min(np.flatnonzero(near), key=lambda i: (prices[i], regrets[i], len(tried[i])))
    means = losses.mean(axis=0)
    chosen = tuple(sorted(tried[place], key=lambda i: (means[i], i)))
    return Launch(chosen, float(regrets[place]), float(prices[place]))


def one_more(losses: Array, allowed: Sequence[int], launch: Launch) -> tuple[int, float] | None:
    """The candidate whose training beside these saves the most regret, and how much; None where none is left."""
    rest = [i for i in allowed if i not in launch.chosen]
    if not rest:
        return None
    regrets = [expected_regret(losses, (*launch.chosen, i)) for i in rest]
    place = int(np.argmin(regrets))
    return rest[place], launch.regret - regrets[place]


def _grown(losses: Array, allowed: Sequence[int], count: int) -> list[tuple[int, ...]]:
    """Sets of each size up to `count`, grown by the candidate that saves the most, then improved by exchanges."""
    found: list[tuple[int, ...]] = []
    current: tuple[int, ...] = ()
    for _ in range(count):
        rest = [i for i in allowed if i not in current]
        current = (*current, min(rest, key=lambda i: expected_regret(losses, (*current, i))))
        current = _exchanged(losses, allowed, current)
        found.append(current)
    return found


def _exchanged(losses: Array, allowed: Sequence[int], current: tuple[int, ...]) -> tuple[int, ...]:
    best = expected_regret(losses, current)
    for place in range(len(current)):
        for i in allowed:
            tried = (*current[:place], i, *current[place + 1 :])
            if i not in current and (regret := expected_regret(losses, tried)) < best:
                current, best = tried, regret
    return current
