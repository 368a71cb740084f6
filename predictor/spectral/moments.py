"""Means and centred second moments of features, accumulated chunk by chunk in float64.

Each chunk is shifted by the mean of the first one before it is multiplied, so that the correction for the true mean is
a small rank-1 term. Each array is read once, some rows at a time. No array as long as the pool is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.spectral.spectra import Scale
from predictor.statistics.arrays import Array

CHUNK_ROWS = 2048
"""Rows read and multiplied at a time."""


@dataclass(frozen=True, eq=False)
class Moments:
    """First and second moments of one model's features.

    Attributes:
        rows: n ≥ 1.
        mean: (d,) in feature units.
        scatter: (d, d) Σ (x − mean)(x − mean)ᵀ.
    """

    rows: int
    mean: Array
    scatter: Array

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Moments:
        """Accumulate (n, d) features in one pass, O(n d²) time and O(d²) memory."""
        return _stream(None, features)[0]

    def scale(self, features: NDArray[np.floating]) -> Scale:
        """Centre and spread of the dimensions; of `features` the type alone counts, for what is rounding."""
        variance = np.maximum(np.diag(self.scatter) / self.rows, 0.0)
        return Scale.of_spread(self.mean, np.sqrt(variance), features)


@dataclass(frozen=True, eq=False)
class CrossMoments:
    """Second moments between two models' features on the same rows.

    Attributes:
        rows: n ≥ 1.
        left, right: (d_l,) and (d_r,) means.
        scatter: (d_l, d_r) Σ (x − left)(y − right)ᵀ.
    """

    rows: int
    left: Array
    right: Array
    scatter: Array

    @classmethod
    def of(cls, left: NDArray[np.floating], right: NDArray[np.floating]) -> CrossMoments:
        """Accumulate (n, d_l) and (n, d_r) features, row i beside row i, in one pass.

        Raises:
            InputError: different numbers of rows.
        """
        return paired(left, right)[0]


def paired(left: NDArray[np.floating], right: NDArray[np.floating]) -> tuple[CrossMoments, Moments]:
    """Cross moments of two models and the right one's own, in one pass over both.

    Raises:
        InputError: different numbers of rows.
    """
    check_same_rows(len(left), len(right))
    own, cross = _stream(left, right)
    if cross is None:
        raise TypeError("two arrays always have cross moments")
    return cross, own


def check_same_rows(strong: int, weak: int) -> None:
    """Refuse models that were read on different rows.

    Raises:
        InputError: the counts differ.
    """
    if strong != weak:
        raise InputError(
            f"the strong model has {strong} rows and the weak one {weak}; both must be on the same rows.",
            reason="ROWS_DIFFER",
        )


class _Shifted:
    """Rows less a shift near their mean, chunk by chunk in one buffer, and how far off the shift was.

    Attributes:
        shift: (d,).
        total: (d,) Σ (x − shift) so far.
    """

    def __init__(self, features: NDArray[np.floating]) -> None:
        self._features = features
        self._buffer = np.empty((min(len(features), CHUNK_ROWS), features.shape[1]))
        self.shift: Array = features[:CHUNK_ROWS].mean(axis=0, dtype=np.float64)
        self.total: Array = np.zeros_like(self.shift)

    def chunk(self, start: int) -> Array:
        rows = self._features[start : start + CHUNK_ROWS]
        block = self._buffer[: len(rows)]
        np.copyto(block, rows)
        block -= self.shift
        self.total += block.sum(axis=0)
        return block

    def mean(self, rows: int) -> Array:
        return self.shift + self.total / rows


def _stream(left: NDArray[np.floating] | None, right: NDArray[np.floating]) -> tuple[Moments, CrossMoments | None]:
    """Own moments of the right features, and cross moments where there are left ones."""
    rows, dims = right.shape
    ours, beside = _Shifted(right), None if left is None else _Shifted(left)
    own, part = np.zeros((dims, dims)), np.empty((dims, dims))
    cross = np.zeros((0 if left is None else left.shape[1], dims))
    cross_part = np.empty_like(cross)
    for start in range(0, rows, CHUNK_ROWS):
        block = ours.chunk(start)
        own += np.matmul(block.T, block, out=part)
        if beside is not None:
            cross += np.matmul(beside.chunk(start).T, block, out=cross_part)
    mean = ours.mean(rows)
    own -= np.outer(ours.total / rows, ours.total)
    moments = Moments(rows, mean, own)
    if beside is None:
        return moments, None
    cross -= np.outer(beside.total / rows, ours.total)
    return moments, CrossMoments(rows, beside.mean(rows), mean, cross)
