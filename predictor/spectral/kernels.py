"""Kernels of models, and the form of a kernel that stores no array as long as the pool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from predictor.spectral.moments import CHUNK_ROWS, Moments
from predictor.spectral.spectra import PrincipalKernel, Scale, Spectrum, constant, leading
from predictor.statistics.arrays import Array


class Kernel(Protocol):
    """One model's kernel K = Z Zᵀ / n = U diag(λ) Uᵀ over the pool, whether or not U is in memory."""

    @property
    def spectrum(self) -> Spectrum:
        """λ."""
        ...

    @property
    def values(self) -> Array:
        """(r,) λ, descending."""
        ...

    @property
    def vectors(self) -> Array:
        """(n, r) U."""
        ...

    @property
    def rank(self) -> int:
        """Components retained."""
        ...

    @property
    def rows(self) -> int:
        """Pool rows."""
        ...

    @property
    def effective_dimension(self) -> float:
        """See `Spectrum`."""
        ...

    @property
    def rotation(self) -> Array | None:
        """(p, r) that brings `coordinates` to the principal axes, or None where they are there already."""
        ...

    def coordinates(self, rows: slice | NDArray[np.integer]) -> Array:
        """(k, p) centred coordinates of some rows; times `rotation` they are U √(n λ)."""
        ...

    def scores(self, rows: slice | NDArray[np.integer], rank: int) -> Array:
        """(k, rank) U √(n λ) of some rows in the leading axes: features in their principal axes."""
        ...

    def truncate(self, energy: float) -> Kernel:
        """The fewest leading components with the given share (0, 1] of the energy."""
        ...

    def permuted(self, order: NDArray[np.integer]) -> Kernel:
        """The kernel of the same rows in another order; nothing is factored again."""
        ...

    def shrinkage(self, ridge: float) -> Array:
        """See `Spectrum`."""
        ...


@dataclass(frozen=True, eq=False)
class StreamedKernel:
    """A kernel through the eigenpairs of ZᵀZ / n: memory O(d²) for any number of rows; features are read in chunks.

    Attributes:
        spectrum: λ.
        features: (n, d), as given; possibly a memory map.
        scale: centre and spread of the dimensions.
        directions: (d, r) V, orthonormal, in standardised coordinates.
    """

    spectrum: Spectrum
    features: NDArray[np.floating]
    scale: Scale
    directions: Array

    @classmethod
    def of(cls, features: NDArray[np.floating], moments: Moments | None = None) -> StreamedKernel:
        """Factor (n, d) features in one pass over them, or in none where their moments are known.

        Raises:
            InputError: every dimension is constant over the rows.
        """
        known = Moments.of(features) if moments is None else moments
        scale = known.scale(features)
        if not scale.weight.any():
            raise constant(features)
        values, directions = leading(*np.linalg.eigh(known.scatter * np.outer(scale.weight, scale.weight / known.rows)))
        return cls(Spectrum(values, known.rows), features, scale, directions)

    @property
    def values(self) -> Array:
        """(r,) λ, descending."""
        return self.spectrum.values

    @property
    def rank(self) -> int:
        """Components retained."""
        return self.spectrum.rank

    @property
    def rows(self) -> int:
        """Pool rows."""
        return self.spectrum.rows

    @property
    def effective_dimension(self) -> float:
        """Participation ratio; see `Spectrum`."""
        return self.spectrum.effective_dimension

    @property
    def rotation(self) -> Array:
        """(d, r) from centred features to scores."""
        return self.scale.weight[:, None] * self.directions

    def coordinates(self, rows: slice | NDArray[np.integer]) -> Array:
        """(k, d) centred features of some rows."""
        centred: Array = np.subtract(self.features[rows], self.scale.mean, dtype=np.float64)
        return centred

    def scores(self, rows: slice | NDArray[np.integer], rank: int) -> Array:
        """(k, rank) U √(n λ) of some rows in the leading axes."""
        scored: Array = self.scale.apply(self.features[rows]) @ self.directions[:, :rank]
        return scored

    @property
    def vectors(self) -> Array:
        """(n, r) U, made anew each time: as long as the pool. Ask for `scores` of some rows where they do."""
        made = np.empty((self.rows, self.rank))
        for start in range(0, self.rows, CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            made[rows] = self.scores(rows, self.rank) / np.sqrt(self.rows * self.values)
        return made

    def truncate(self, energy: float) -> StreamedKernel:
        """The fewest leading components with the given share (0, 1] of the energy."""
        retained = self.spectrum.truncate(energy)
        return replace(self, spectrum=retained, directions=self.directions[:, : retained.rank])

    def permuted(self, order: NDArray[np.integer]) -> StreamedKernel:
        """The kernel of the same rows in another order; copies the features."""
        return replace(self, features=self.features[order])

    def shrinkage(self, ridge: float) -> Array:
        """(r,) eigenvalues of P; see `Spectrum.shrinkage`."""
        return self.spectrum.shrinkage(ridge)


def kernel_of(features: NDArray[np.floating]) -> Kernel:
    """The kernel of (n, d) features, with U in memory only where that is no longer than `CHUNK_ROWS` rows or d.

    Raises:
        InputError: every dimension is constant over the rows.
    """
    return StreamedKernel.of(features) if streams(features) else PrincipalKernel.of(features)


def streams(features: NDArray[np.floating]) -> bool:
    """Whether (n, d) features are too long to store another array of that length."""
    rows, dims = features.shape
    return bool(rows > max(CHUNK_ROWS, dims))
