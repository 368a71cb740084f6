"""PrincipalKernel: the eigenpairs of one model's kernel over the pool, built once and asked many questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError

Array = NDArray[np.float64]

RANK_TOLERANCE = 1e-13
"""Eigenvalues below this share of the largest are rounding, not signal."""

CONSTANT_TOLERANCE = 1e-7
"""A dimension whose spread is below this share of the widest dimension's, or its mean's rounding, is constant."""


@dataclass(frozen=True, eq=False)
class Scale:
    """Centre and spread of every feature dimension, learned on some rows and applied to others.

    Attributes:
        mean: (d,) in feature units.
        weight: (d,) 1 / (standard deviation × √d'), 0 for a constant dimension, d' = dimensions that vary;
            so that the kernel of the rows it was learned on has trace 1 whatever the width.
    """

    mean: Array
    weight: Array

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Scale:
        """Learn the scale of (n, d) features. Constant dimensions get weight 0, all of them if need be."""
        mean = features.mean(axis=0, dtype=np.float64)
        spread = features.std(axis=0, dtype=np.float64)
        rounding = np.abs(mean) * np.finfo(features.dtype if features.dtype.kind == "f" else np.float64).eps
        varies = spread > np.maximum(CONSTANT_TOLERANCE * float(spread.max()), rounding)
        weight = np.zeros_like(spread)
        weight[varies] = 1.0 / (spread[varies] * np.sqrt(varies.sum()))
        return cls(mean, weight)

    def apply(self, features: NDArray[np.floating]) -> Array:
        """(n, d) float64: centred, standardised per dimension, divided by √d'."""
        centred: Array = np.subtract(features, self.mean, dtype=np.float64)
        centred *= self.weight
        return centred


@dataclass(frozen=True, eq=False)
class PrincipalKernel:
    """K = Z Zᵀ / n = U diag(λ) Uᵀ of standardised features Z, tr K = 1, kept to its leading part.

    Attributes:
        values: (r,) λ, descending, as shares of the whole energy.
        vectors: (n, r) U, orthonormal columns, each orthogonal to the constant vector.
        tail: energy of the dropped part, 1 − Σ λ (0 where nothing was dropped).
    """

    values: Array
    vectors: Array
    tail: float = 0.0

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> PrincipalKernel:
        """Factor (n, d) features in O(n d min(n, d)) time and O(n d) memory, through the smaller of K and ZᵀZ.

        Raises:
            InputError: every dimension is constant over the rows.
        """
        values, vectors, _ = factor(Scale.of(features).apply(features))
        if not len(values):
            raise InputError(
                f"all {features.shape[1]} feature dimensions are constant over {features.shape[0]} rows, so the model "
                "says nothing about them; choose another layer or pooling.",
                reason="CONSTANT_FEATURES",
            )
        return cls(values, vectors)

    @property
    def rank(self) -> int:
        """Components kept."""
        return len(self.values)

    @property
    def rows(self) -> int:
        """Pool rows."""
        return len(self.vectors)

    def keep(self, energy: float) -> PrincipalKernel:
        """The fewest leading components that hold the given share (0, 1] of the energy."""
        reached = np.cumsum(self.values) / self.values.sum()
        kept = min(int(np.searchsorted(reached, energy - 1e-12)) + 1, self.rank)
        return PrincipalKernel(self.values[:kept], self.vectors[:, :kept], self.tail + float(self.values[kept:].sum()))

    def shrinkage(self, ridge: float, *, tail_corrected: bool = False) -> Array:
        """(r,) eigenvalues of P = K (K + ridge I)⁻¹ on the kept part, in [0, 1).

        With `tail_corrected`, λ − γ replaces λ and ridge + γ the ridge, γ = tail / n: the kept sample eigenvalues hold
        a flat tail's energy as well.

        Args:
            ridge: ≥ 0, as a share of tr K.

        Source: Xue et al. 2025, arXiv:2502.00620 (β_eff = β + γ).
        """
        level = self.tail / self.rows if tail_corrected else 0.0
        result: Array = np.maximum(self.values - level, 0.0) / (self.values + ridge)
        return result

    def smooth(self, labels: Array, ridge: float) -> Array:
        """P labels, for (n,) or (n, k) labels."""
        weight = self.shrinkage(ridge)
        coefficients = self.vectors.T @ labels
        smoothed: Array = self.vectors @ (weight[:, None] * coefficients if labels.ndim == 2 else weight * coefficients)
        return smoothed

    @property
    def effective_dimension(self) -> float:
        """Participation ratio (Σ λ)² / Σ λ²: how many directions carry the energy. Between 1 and r."""
        return float(self.values.sum() ** 2 / np.sum(self.values**2))


def factor(scaled: Array) -> tuple[Array, Array, Array]:
    """Thin factor of centred Z: λ (r,), U (n, r), and V (d, r) with Z = √n U diag(√λ) Vᵀ; r = 0 for a zero Z."""
    rows, dims = scaled.shape
    if dims <= rows:
        values, directions = np.linalg.eigh(scaled.T @ scaled / rows)
        values, directions = _leading(values, directions)
        vectors = scaled @ directions
        vectors /= np.sqrt(rows * values)
        return values, vectors, directions
    values, vectors = np.linalg.eigh(scaled @ scaled.T / rows)
    values, vectors = _leading(values, vectors)
    directions = scaled.T @ vectors
    directions /= np.sqrt(rows * values)
    return values, vectors, directions


def _leading(values: Array, vectors: Array) -> tuple[Array, Array]:
    kept = values > max(RANK_TOLERANCE * float(values[-1]), 1e-300)
    return values[kept][::-1].copy(), np.ascontiguousarray(vectors[:, kept][:, ::-1])


def overlap(strong: PrincipalKernel, weak: PrincipalKernel) -> Array:
    """C = U_strongᵀ U_weak, (r_s, r_w): cosines between the two models' principal directions on the same rows.

    Raises:
        InputError: the kernels stand on different numbers of rows.
    """
    if strong.rows != weak.rows:
        raise InputError(
            f"the strong model has {strong.rows} rows and the weak one {weak.rows}; both must be on the same rows.",
            reason="ROWS_DIFFER",
        )
    cosines: Array = strong.vectors.T @ weak.vectors
    return cosines
