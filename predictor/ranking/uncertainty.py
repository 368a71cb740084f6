"""Rank intervals, P(best) and ties from paired replicates: every replicate scores all candidates in one simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array

Ints = NDArray[np.int_]

LOW, HIGH = 0.05, 0.95
"""Quantiles of the 90 % intervals."""


@dataclass(frozen=True, eq=False)
class Standing:
    """Ranks, P(best) and ties of m candidates; ranks and groups count from 1.

    Attributes:
        rank: (m,) by value.
        low, high: (m,) 90 % interval of the rank over replicates, widened where necessary to include `rank`.
        p_best: (m,) share of replicates in which the candidate is best, ties shared; the first rank has the highest.
        tie_group: (m,) candidates of one group are not separable from the best-ranked one of that group.
        above_null: (m,) whether the candidate is better than all shuffled ones.
    """

    rank: Ints
    low: Ints
    high: Ints
    p_best: Array
    tie_group: Ints
    above_null: NDArray[np.bool_]


def standing(
    values: Array, replicates: Array, above_null: NDArray[np.bool_] | None = None, step: float = 0.0
) -> Standing:
    """Standing by (m,) values with (m, R) paired replicates, lower is better.

    A candidate joins the group of its leader (the best-ranked candidate outside the groups before) when the 90 %
    interval of their paired difference includes 0. A candidate that does not beat the shuffled ones never joins one
    that does.

    Args:
        above_null: (m,) whether a candidate is better than shuffled ones; all candidates count alike where None.
        step: smallest difference that a replicate can show, such as one test row: values closer than half of it are
            equal.
    """
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values), dtype=int)
    rank[order] = np.arange(1, len(values) + 1)
    better = np.sum((replicates - step / 2)[:, None, :] > replicates[None, :, :], axis=1)
    worse = np.sum((replicates + step / 2)[:, None, :] < replicates[None, :, :], axis=1)
    ranks = (len(values) + 1 + better - worse) / 2
    low = np.minimum(np.floor(np.quantile(ranks, LOW, axis=1)).astype(int), rank)
    high = np.maximum(np.ceil(np.quantile(ranks, HIGH, axis=1)).astype(int), rank)
    first = replicates <= replicates.min(axis=0) + step / 2
    p_best = led_by(int(order[0]), np.mean(first / first.sum(axis=0), axis=1))
    kind = np.ones(len(values), dtype=bool) if above_null is None else above_null
    return Standing(rank, low, high, p_best, _groups(order, replicates, kind, step / 2), kind)


def led_by(leader: int, p_best: Array) -> Array:
    """(m,) probabilities of which the leader's is the highest.

    The order follows expected values. A candidate that is seldom much better and often worse can be best more often
    than the leader; no evidence prefers it, so both share their probability evenly. The sum stays.
    """
    sharing, shared = [leader], p_best.copy()
    while True:
        mean = float(p_best[sharing].mean())
        rest = np.setdiff1d(np.arange(len(p_best)), sharing)
        if not len(rest) or p_best[rest].max() <= mean:
            shared[sharing] = mean
            return shared
        sharing.append(int(rest[np.argmax(p_best[rest])]))


def _groups(order: Ints, replicates: Array, kind: NDArray[np.bool_], least: float) -> Ints:
    group = np.zeros(len(order), dtype=int)
    number = 0
    for leader in order:
        if group[leader]:
            continue
        number += 1
        difference = replicates - replicates[leader]
        tied = np.quantile(difference, LOW, axis=1) <= least
        group[tied & (group == 0) & (kind == kind[leader])] = number
        group[leader] = number
    return group


def interval(value: float, draws: Array, floor: float = -np.inf) -> tuple[float, float] | None:
    """90 % interval of finite draws, widened where necessary to include the value; None where under half are finite.

    The value is an expectation, or a ratio of two, and can be in the tail of skewed draws.

    Args:
        floor: what the quantity cannot go below.
    """
    finite = draws[np.isfinite(draws)]
    if len(finite) * 2 < len(draws) or not len(finite):
        return None
    low, high = np.quantile(finite, [LOW, HIGH])
    return min(max(float(low), floor), value), max(float(high), value)
