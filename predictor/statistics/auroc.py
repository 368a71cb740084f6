"""Area under the ROC curve, for many sets of scores, classes and weights at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array


def auroc(scores: Array, positive: NDArray[np.bool_], weights: Array) -> Array:
    """Σ w⁺ᵢ (Σⱼ w⁻ⱼ [sⱼ < sᵢ] + ½ Σⱼ w⁻ⱼ [sⱼ = sᵢ]) / (Σ w⁺ Σ w⁻).

    Args:
        scores: (n, R), or (n, 1) where they are the same in every set; higher where the positive class is more likely.
        positive: (n, R) whether the row is of the positive class, in each of R sets.
        weights: (n, R) of the rows, ≥ 0.

    Returns:
        (R,) share of pairs in the right order, ties by half; NaN where all the weight is on one class.

    Source: Hanley, McNeil 1982, Radiology 143(1), the Mann–Whitney form.
    """
    order = np.broadcast_to(np.argsort(scores, axis=0, kind="stable"), positive.shape)
    ranked = np.take_along_axis(np.broadcast_to(scores, positive.shape), order, axis=0)
    weight, upper = np.take_along_axis(weights, order, axis=0), np.take_along_axis(positive, order, axis=0)
    below = np.cumsum(weight * ~upper, axis=0)
    first, last = _ties(ranked)
    upto = np.take_along_axis(below, last, axis=0)
    before = np.where(first > 0, np.take_along_axis(below, np.maximum(first - 1, 0), axis=0), 0.0)
    right = np.sum(weight * upper * (before + upto) / 2.0, axis=0)
    pairs = np.sum(weight * upper, axis=0) * below[-1]
    found: Array = right / np.where(pairs > 0.0, pairs, np.nan)
    return found


def _ties(ranked: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(n, R) numbers of the first and the last row of equal value, in columns that rise."""
    rows = np.arange(len(ranked))[:, None]
    starts = np.vstack([np.ones((1, ranked.shape[1]), dtype=bool), ranked[1:] != ranked[:-1]])
    ends = np.vstack([starts[1:], np.ones((1, ranked.shape[1]), dtype=bool)])
    first = np.maximum.accumulate(np.where(starts, rows, 0), axis=0)
    last = np.minimum.accumulate(np.where(ends, rows, len(ranked))[::-1], axis=0)[::-1]
    return first, last
