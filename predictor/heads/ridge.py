"""Heads: ridge regression on frozen features, factored once and asked for many labels and ridges."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.spectral.spectra import Scale, factor

Array = NDArray[np.float64]

RIDGES: Array = np.logspace(-6, 1, 22)
"""Ridges tried by generalised cross-validation, as shares of the training kernel's trace."""


@dataclass(frozen=True, eq=False)
class HeadFactor:
    """A linear head on training rows, ready for any labels: f = ȳ + T diag(λ/(λ+β)) Uᵀ (y − ȳ).

    Attributes:
        values: (r,) λ of K_train, tr K_train = 1.
        left: (n, r) U, training rows.
        transfer: (m, r) T, the same directions read off m other rows; on the training rows T would be U.
    """

    values: Array
    left: Array
    transfer: Array

    @classmethod
    def of(cls, train: NDArray[np.floating], other: NDArray[np.floating]) -> HeadFactor:
        """Factor (n, d) training features and carry the directions over to (m, d) other rows.

        Features are standardised by the training rows alone; where those are constant the head predicts the mean.
        """
        scale = Scale.of(train)
        values, left, directions = factor(scale.apply(train))
        transfer = scale.apply(other) @ directions
        transfer /= np.sqrt(len(train) * values)
        return cls(values, left, transfer)

    @property
    def rows(self) -> int:
        """Training rows."""
        return len(self.left)

    def shuffled(self, rng: np.random.Generator) -> HeadFactor:
        """The same head with the pairing between training rows and labels broken: the null."""
        return replace(self, left=self.left[rng.permutation(self.rows)])

    def shrinkage(self, ridge: float | Array) -> Array:
        """λ/(λ+β): (r,) for one ridge, (r, k) for k of them."""
        if isinstance(ridge, np.ndarray):
            per_column: Array = self.values[:, None] / (self.values[:, None] + ridge)
            return per_column
        shared: Array = self.values / (self.values + ridge)
        return shared

    def predict(self, labels: Array, ridge: float | Array | None = None) -> Array:
        """(m, k) predictions on the other rows of heads trained on (n, k) labels.

        Args:
            ridge: > 0, a share of tr K; one for all columns, or (k,) one each; None for `gcv` of these labels.
        """
        mean = labels.mean(axis=0)
        weight = self.shrinkage(self.gcv(labels) if ridge is None else ridge)
        coefficients = self.left.T @ (labels - mean)
        predictions: Array = self.transfer @ (
            weight * coefficients if weight.ndim == 2 else weight[:, None] * coefficients
        )
        predictions += mean
        return predictions

    def gcv(self, labels: Array, ridges: Array = RIDGES) -> Array:
        """(k,) ridge per column of (n, k) labels that minimises generalised cross-validation.

        GCV(β) = n ‖(I − S) y‖² / tr(I − S)², S the head's smoother with its intercept. Ridges that leave half a degree
        of freedom or less, tr(I − S) ≤ ½, are passed over: their score is rounding.

        Source: Golub, Heath, Wahba 1979, Technometrics 21(2).
        """
        centred = labels - labels.mean(axis=0)
        energy = (self.left.T @ centred) ** 2
        return self.gcv_of_energy(energy, np.sum(centred**2, axis=0), ridges)

    def gcv_of_energy(self, energy: Array, total: Array, ridges: Array = RIDGES) -> Array:
        """As `gcv`, from label energy per direction (r, k) and in all (k,); expectations of energies serve as well."""
        outside = np.maximum(total - energy.sum(axis=0), 0.0)
        kept = self.values / (self.values + ridges[:, None])
        freedom = self.rows - 1.0 - kept.sum(axis=1)
        residual = outside + (1.0 - kept) ** 2 @ energy
        score = np.where(freedom[:, None] > 0.5, residual / np.maximum(freedom, 1e-9)[:, None] ** 2, np.inf)
        best: Array = ridges[np.argmin(score, axis=0)]
        return best
