"""Area under the ROC curve, for many sets of scores, classes and weights at once."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array

Number = TypeVar("Number", bound=np.generic)


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
    order = np.argsort(scores, axis=0, kind="stable")
    weight, upper = _rows(weights, order), _rows(positive, order)
    below = np.cumsum(weight * ~upper, axis=0)
    first, last = _ties(_rows(scores, order))
    upto = _rows(below, last)
    before = np.where(first > 0, _rows(below, np.maximum(first - 1, 0)), 0.0)
    above = weight * upper
    right = np.sum(above * (before + upto) / 2.0, axis=0)
    pairs = np.sum(above, axis=0) * below[-1]
    found: Array = right / np.where(pairs > 0.0, pairs, np.nan)
    return found


def _rows(table: NDArray[Number], rows: NDArray[np.intp]) -> NDArray[Number]:
    """(n, R) values at (n, R) rows of each column, or at (n, 1) rows of all columns."""
    return table[rows[:, 0]] if rows.shape[1] == 1 else np.take_along_axis(table, rows, axis=0)


def _ties(ranked: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(n, R) numbers of the first and the last row of equal value, in columns that rise."""
    rows = np.arange(len(ranked))[:, None]
    starts = np.vstack([np.ones((1, ranked.shape[1]), dtype=bool), ranked[1:] != ranked[:-1]])
    ends = np.vstack([starts[1:], np.ones((1, ranked.shape[1]), dtype=bool)])
    first = np.maximum.accumulate(np.where(starts, rows, 0), axis=0)
    last = np.minimum.accumulate(np.where(ends, rows, len(ranked))[::-1], axis=0)[::-1]
    return first, last
