"""Concordance: how far two orders of the same candidates agree, ties included; 1 the same order, −1 the reverse."""

from __future__ import annotations

import numpy as np

from predictor.statistics.arrays import Array


def comparable(one: Array, other: Array) -> bool:
    """Whether there are at least 3 candidates and neither side ties all of them: else no order exists to compare."""
    return len(one) >= 3 and float(np.ptp(one)) > 0.0 and float(np.ptp(other)) > 0.0


def rank_correlation(one: Array, other: Array) -> float | None:
    """Spearman's ρ with average ranks for ties; None where there is nothing to compare."""
    if not comparable(one, other):
        return None
    return float(np.corrcoef(average_ranks(one), average_ranks(other))[0, 1])


def kendall_tau(one: Array, other: Array) -> float | None:
    """Kendall's τ-b: pairs in the same order less pairs in opposite order, over √(untied in one × untied in other).

    None where there is nothing to compare.

    Source: Kendall 1945, Biometrika 33(3).
    """
    if not comparable(one, other):
        return None
    return _weighted(one, other, np.ones(len(one)))


def weighted_tau(one: Array, other: Array) -> float | None:
    """Kendall's τ with additive hyperbolic weights: candidates i and j count 1/rank_i + 1/rank_j, the top's rank is 1.

    *Large values are at the top* on both sides. The mean of two τ, one with the ranks of each side (ties in the order
    of the other side), so that it is symmetric; None where there is nothing to compare.

    Source: Vigna 2015, "A Weighted Correlation Index for Rankings with Ties", arXiv:1404.3325; the default of
    `scipy.stats.weightedtau`.
    """
    if not comparable(one, other):
        return None
    tops = (np.lexsort((other, one))[::-1], np.lexsort((one, other))[::-1])
    found = []
    for order in tops:
        weight = np.empty(len(one))
        weight[order] = 1.0 / np.arange(1.0, len(one) + 1.0)
        found.append(_weighted(one, other, weight))
    return float(np.mean(found))


def average_ranks(values: Array) -> Array:
    """Ranks from 1, ties sharing their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Array = (last - (counts - 1) / 2.0)[place]
    return ranks


def _weighted(one: Array, other: Array, weight: Array) -> float:
    """⟨one, other⟩ / √(⟨one, one⟩ ⟨other, other⟩), ⟨x, y⟩ = Σ_{i<j} (w_i + w_j) sgn(x_i − x_j) sgn(y_i − y_j)."""
    left, right = np.triu_indices(len(one), 1)
    pair = weight[left] + weight[right]
    first, second = np.sign(one[left] - one[right]), np.sign(other[left] - other[right])
    return float(np.sum(pair * first * second) / np.sqrt(np.sum(pair * first**2) * np.sum(pair * second**2)))
