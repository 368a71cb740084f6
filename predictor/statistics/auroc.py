"""Area under the ROC curve, for one set of scores and many sets of classes and weights at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array


def auroc(scores: Array, positive: NDArray[np.bool_], weights: Array) -> Array:
    """Σ w⁺ᵢ (Σⱼ w⁻ⱼ [sⱼ < sᵢ] + ½ Σⱼ w⁻ⱼ [sⱼ = sᵢ]) / (Σ w⁺ Σ w⁻).

    Args:
        scores: (n,) higher where the positive class is more likely.
        positive: (n, R) whether the row is of the positive class, in each of R sets.
        weights: (n, R) of the rows, ≥ 0.

    Returns:
        (R,) share of pairs in the right order, ties by half; NaN where all the weight is on one class.

    Source: Hanley, McNeil 1982, Radiology 143(1), the Mann–Whitney form.
    """
    order = np.argsort(scores, kind="stable")
    _, place = np.unique(scores[order], return_inverse=True)
    upper, lower = weights[order] * positive[order], weights[order] * ~positive[order]
    ends = np.flatnonzero(np.diff(place, append=place[-1] + 1))
    upto = np.cumsum(lower, axis=0)[ends]  # (ties, R)
    before = np.concatenate([np.zeros((1, weights.shape[1])), upto[:-1]])
    right = np.sum(upper * ((before + upto) / 2.0)[place], axis=0)
    pairs = upper.sum(axis=0) * lower.sum(axis=0)
    found: Array = right / np.where(pairs > 0.0, pairs, np.nan)
    return found
