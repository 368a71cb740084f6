"""Spectra: the eigenvalues of one model's kernel over the pool, and on few rows its eigenvectors as well."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.statistics.arrays import Array
from predictor.statistics.device import namespace

RANK_TOLERANCE = 1e-13
"""Eigenvalues below this share of the largest are rounding, not signal."""

CONSTANT_TOLERANCE = 1e-7
"""A dimension whose spread is below this share of the widest dimension's, or its mean's rounding, is constant."""

FLAT_TAIL = 0.8
"""Share of the free directions that a tail must fill evenly before it is taken off the retained eigenvalues."""


@dataclass(frozen=True, eq=False)
class Scale:
    """Centre and spread of every feature dimension, learned on some rows and applied to others.

    Attributes:
        mean: (d,) in feature units; (…, d) of stacks of rows, everywhere here.
        weight: (d,) 1 / (standard deviation × √d'), 0 for a constant dimension, d' = dimensions that vary;
            so that the kernel of the rows it was learned on has trace 1 at any width.
    """

    mean: Array
    weight: Array

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Scale:
        """Learn the scale of (n, d) features. Constant dimensions get weight 0, all of them if need be."""
        mean, spread = (each(axis=-2, dtype=np.float64) for each in (features.mean, features.std))
        return cls.of_spread(mean, spread, features)

    @classmethod
    def of_spread(cls, mean: Array, spread: Array, features: NDArray[np.floating]) -> Scale:
        """The scale for a known (d,) mean and standard deviation; of `features` the type alone counts."""
        rounding = np.abs(mean) * np.finfo(features.dtype if features.dtype.kind == "f" else np.float64).eps
        varies = spread > np.maximum(CONSTANT_TOLERANCE * spread.max(axis=-1, keepdims=True), rounding)
        root = np.sqrt(varies.sum(axis=-1, keepdims=True))
        return cls(mean, np.divide(1.0, spread * root, where=varies, out=np.zeros_like(spread)))

    def apply(self, features: NDArray[np.floating]) -> Array:
        """(n, d) float64: centred, standardised per dimension, divided by √d'."""
        centred: Array = np.subtract(features, self.mean[..., None, :], dtype=np.float64)
        centred *= self.weight[..., None, :]
        return centred


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of a kernel of trace 1, cut to its leading part.

    Attributes:
        values: (r,) λ, descending, as shares of the whole energy.
        rows: n.
        tail: energy of the dropped part, 1 − Σ λ (0 where nothing was dropped).
        tail_square: Σ λ² over the dropped part.
    """

    values: Array
    rows: int
    tail: float = 0.0
    tail_square: float = 0.0
    _truncated: dict[float, Spectrum] = field(init=False, repr=False, default_factory=dict)

    @property
    def rank(self) -> int:
        """Components retained."""
        return len(self.values)

    def reach(self, energy: float) -> int:
        """Number of leading components with the given share (0, 1] of the retained energy."""
        reached = np.cumsum(self.values) / self.values.sum()
        return min(int(np.searchsorted(reached, energy - 1e-12)) + 1, self.rank)

    def head(self, rank: int) -> Spectrum:
        """The leading `rank` components."""
        rest = self.values[rank:]
        return Spectrum(
            self.values[:rank],
            self.rows,
            self.tail + float(rest.sum()),
            self.tail_square + float(np.sum(rest**2)),
        )

    def truncate(self, energy: float) -> Spectrum:
        """The fewest leading components with the given share (0, 1] of the energy; cut once for each share."""
        if energy not in self._truncated:
            self._truncated[energy] = self.head(self.reach(energy))
        return self._truncated[energy]

    def shrinkage(self, ridge: float, *, tail_corrected: bool = False) -> Array:
        """(r,) eigenvalues of P = K (K + ridge I)⁻¹ on the retained part, in [0, 1).

        With `tail_corrected`, λ − γ replaces λ and ridge + γ the ridge, γ = tail / n: the retained sample eigenvalues
        hold a flat tail's energy as well.

        Args:
            ridge: ≥ 0, as a share of tr K.

        Source: Xue et al. 2025, arXiv:2502.00620 (β_eff = β + γ).
        """
        level = self.tail / self.rows if tail_corrected else 0.0
        result: Array = np.maximum(self.values - level, 0.0) / (self.values + ridge)
        return result

    @property
    def effective_dimension(self) -> float:
        """Participation ratio (Σ λ)² / Σ λ²: how many directions carry the energy. Between 1 and r."""
        return float(self.values.sum() ** 2 / np.sum(self.values**2))

    @property
    def tail_isotropy(self) -> float:
        """How evenly the dropped part fills the directions that are left, in [0, 1]; 0 where nothing was dropped.

        Participation ratio of the dropped eigenvalues, (Σ λ)² / Σ λ², over n − 1 − r. An isotropic tail of p
        dimensions gives p n' / (n' + p) of n' = n − 1 − r directions, that is p / (n' + p): `FLAT_TAIL` = 0.8 asks for
        p ≥ 4 n', where its sample eigenvalues are within (1 ± ½)² of γ = tail / n. With fewer dimensions than rows the
        retained eigenvalues hold none of it, and γ must stay.

        Source: the moments of Marchenko and Pastur 1967, Math. USSR Sbornik 1(4).
        """
        free = self.rows - 1 - self.rank
        if free < 1 or self.tail_square <= 0.0:
            return 0.0
        return float(self.tail**2 / self.tail_square / free)

    @property
    def flat_tail(self) -> bool:
        """Whether the dropped part is flat and high-dimensional enough to be taken off.

        Isotropy ≥ `FLAT_TAIL` over at least half of all directions: the last few of any sorted eigenvalues look flat.
        """
        return 2 * self.rank <= self.rows - 1 and self.tail_isotropy >= FLAT_TAIL


@dataclass(frozen=True, eq=False)
class PrincipalKernel:
    """K = Z Zᵀ / n = U diag(λ) Uᵀ of standardised features Z, tr K = 1, cut to its leading part, U in memory.

    Attributes:
        values: (r,) λ, descending, as shares of the whole energy.
        vectors: (n, r) U, orthonormal columns, each orthogonal to the constant vector.
        tail: energy of the dropped part, 1 − Σ λ (0 where nothing was dropped).
        tail_square: Σ λ² over the dropped part.
    """

    values: Array
    vectors: Array
    tail: float = 0.0
    tail_square: float = 0.0

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> PrincipalKernel:
        """Factor (n, d) features in O(n d min(n, d)) time and O(n d) memory, through the smaller of K and ZᵀZ.

        Raises:
            InputError: every dimension is constant over the rows.
        """
        values, vectors, _ = factor(Scale.of(features).apply(features))
        if not len(values):
            raise constant(features)
        return cls(values, vectors)

    @cached_property
    def spectrum(self) -> Spectrum:
        """The eigenvalues without the vectors."""
        return Spectrum(self.values, self.rows, self.tail, self.tail_square)

    @property
    def rank(self) -> int:
        """Components retained."""
        return len(self.values)

    @property
    def rows(self) -> int:
        """Pool rows."""
        return len(self.vectors)

    @property
    def effective_dimension(self) -> float:
        """Participation ratio (Σ λ)² / Σ λ²: how many directions carry the energy. Between 1 and r."""
        return self.spectrum.effective_dimension

    @property
    def rotation(self) -> None:
        """None: coordinates are those of the principal axes."""
        return

    def coordinates(self, rows: slice | NDArray[np.integer]) -> Array:
        """(k, r) U √(n λ) of some rows."""
        return self.scores(rows, self.rank)

    def scores(self, rows: slice | NDArray[np.integer], rank: int) -> Array:
        """(k, rank) U √(n λ) of some rows in the leading axes."""
        scaled: Array = self.vectors[rows, :rank] * np.sqrt(self.rows * self.values[:rank])
        return scaled

    def truncate(self, energy: float) -> PrincipalKernel:
        """The fewest leading components with the given share (0, 1] of the energy."""
        retained = self.spectrum.truncate(energy)
        vectors = self.vectors[:, : retained.rank]
        return PrincipalKernel(retained.values, vectors, retained.tail, retained.tail_square)

    def permuted(self, order: NDArray[np.integer]) -> PrincipalKernel:
        """The kernel of the same rows in another order."""
        return PrincipalKernel(self.values, self.vectors[order], self.tail, self.tail_square)

    def shrinkage(self, ridge: float) -> Array:
        """(r,) eigenvalues of P = K (K + ridge I)⁻¹ on the retained part; see `Spectrum.shrinkage`."""
        return self.spectrum.shrinkage(ridge)


def constant(features: NDArray[np.floating]) -> InputError:
    """The error for features that are the same on every row."""
    return InputError(
        f"all {features.shape[1]} feature dimensions are constant over {features.shape[0]} rows, so the model "
        "has no information about them; choose another layer or pooling.",
        reason="CONSTANT_FEATURES",
    )


def factor(scaled: Array) -> tuple[Array, Array, Array]:
    """Thin factor of centred Z: λ (r,), U (n, r), and V (d, r) with Z = √n U diag(√λ) Vᵀ; r = 0 for a zero Z.

    Of a stack of Z: r is the largest rank in it, and the factors of the others are filled up with zeros.
    """
    (rows, dims), turned = scaled.shape[-2:], scaled.swapaxes(-1, -2)
    if dims <= rows:
        values, directions = leading(*namespace(scaled).linalg.eigh(turned @ scaled / rows))
        vectors = scaled @ directions
        vectors /= roots(rows * values)
        return values, vectors, directions
    values, vectors = leading(*namespace(scaled).linalg.eigh(scaled @ turned / rows))
    directions = turned @ vectors
    directions /= roots(rows * values)
    return values, vectors, directions


def leading(values: Array, vectors: Array) -> tuple[Array, Array]:
    """Ascending eigenpairs as descending ones, without those that are rounding; in a stack these are zeros."""
    xp = namespace(values)
    retained = values > xp.maximum(RANK_TOLERANCE * values[..., -1:], 1e-300)
    rank = int(retained.sum(axis=-1).max())
    used, kept, directions = (xp.flip(one, axis=-1)[..., :rank] for one in (retained, values, vectors))
    return xp.where(used, kept, 0.0), xp.where(used[..., None, :], directions, 0.0)


def roots(energies: Array) -> Array:
    """(…, 1, r) √ of (…, r) energies, and 1 for those that are 0: what is divided by it is 0 there as well."""
    xp = namespace(energies)
    found: Array = xp.where(energies > 0.0, xp.sqrt(energies), 1.0)[..., None, :]
    return found
