"""The null: scores of the same candidates with their rows shuffled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.ranking.uncertainty import HIGH, LOW
from predictor.results.ranking import NullBand
from predictor.statistics.arrays import Array


def above_null(values: Array, null: Array) -> NDArray[np.bool_]:
    """(m,) whether a candidate is better than every one of the (m, S) shuffles of all candidates; lower is better.

    Compared with its own shuffles alone, 1 in S + 1 candidates of pure noise would be better. Compared with those of
    all candidates, 1 in S + 1 rankings of pure noise has any that is.

    Source: Westfall, Young 1993, "Resampling-Based Multiple Testing", single-step max-T.
    """
    finite = null[np.isfinite(null)]
    better: NDArray[np.bool_] = values < (finite.min() if len(finite) else -np.inf)
    return better


def null_band(above: NDArray[np.bool_], null: Array, unit: str, sign: float = 1.0) -> NullBand:
    """The band over the (m, S) shuffles of all candidates, and how many candidates beat all of them.

    Args:
        above: (m,) of `above_null`.
        sign: -1 where higher is better and `null` has negated values.
    """
    finite = null[np.isfinite(null)]
    if not len(finite):
        return NullBand(unit=unit)
    low, middle, high = sign * np.quantile(finite, [LOW, 0.5, HIGH])
    return NullBand(float(middle), float(min(low, high)), float(max(low, high)), unit, int(above.sum()))
