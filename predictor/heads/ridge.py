"""Heads: ridge regression on frozen features, factored once and asked for many labels and ridges."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.spectral.spectra import Scale, factor, roots
from predictor.statistics.arrays import Array
from predictor.statistics.device import HOST, Device, beside, namespace, on_host
from predictor.statistics.once import once

RIDGES: Array = np.logspace(-6, 1, 22)
"""Ridges tried by leaving one row out, as shares of the training kernel's trace."""

_WIDE = 256
"""Columns of a product at least, where labels and ridges are as many: U is read once for that many."""

_TINY = 1e-15
"""Replaces a zero divisor where the dividend is zero too."""


@dataclass(frozen=True, eq=False)
class FactoredRidge:
    """A linear head on training rows, ready for any labels: f = ȳ + T diag(λ/(λ+β)) Uᵀ (y − ȳ).

    Attributes:
        values: (r,) λ of K_train, tr K_train = 1.
        left: (n, r) U, training rows.
        transfer: (m, r) T, the same directions read off m other rows; on the training rows T would be U.

    Heads on several sets of rows may be a stack, (…, r), (…, n, r) and (…, m, r); a direction that one of them lacks is
    0 there. `expected_loo_ridge` takes stacks and arrays of any device, what real labels are given to does not.
    """

    values: Array
    left: Array
    transfer: Array

    @classmethod
    def of(cls, train: NDArray[np.floating], other: NDArray[np.floating], device: Device = HOST) -> FactoredRidge:
        """Factor (n, d) training features and carry the directions over to (m, d) other rows; or stacks of them.

        Features are standardised by the training rows only; where those are constant the head predicts the mean.

        Args:
            device: that of its arrays.
        """
        scale = Scale.of(train)
        values, left, directions = factor(device.put(scale.apply(train)))
        transfer = device.put(scale.apply(other)) @ directions
        transfer /= roots(train.shape[-2] * values)
        return cls(values, left, transfer)

    @property
    def rows(self) -> int:
        """Training rows."""
        return int(self.left.shape[-2])

    @property
    def complete(self) -> bool:
        """Whether no labels of the training rows have a part outside their mean and U."""
        return self.left.shape[-1] + 1 >= self.rows and bool(self.values.all())

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        return self.values.nbytes + self.left.nbytes + self.transfer.nbytes

    def on_host(self) -> FactoredRidge:
        """The head in numpy, for real labels."""
        return FactoredRidge(*(on_host(one) for one in (self.values, self.left, self.transfer)))

    def take(self, place: int | slice) -> FactoredRidge:
        """The head at one place of a stack, or at some."""
        return FactoredRidge(self.values[place], self.left[place], self.transfer[place])

    def shuffled(self, rng: np.random.Generator) -> FactoredRidge:
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
            ridge: > 0, a share of tr K; one for all columns, or (k,) one each; None for `loo_ridge` of these labels.
        """
        mean = labels.mean(axis=0)
        weight = self.shrinkage(self.loo_ridge(labels) if ridge is None else ridge)
        coefficients = self.left.T @ (labels - mean)
        predictions: Array = self.transfer @ (
            weight * coefficients if weight.ndim == 2 else weight[:, None] * coefficients
        )
        predictions += mean
        return predictions

    def left_out(self, labels: Array, ridge: float | Array | None = None) -> Array:
        """(n, k) r_i / (1 − h_i): labels minus predictions of heads trained without the row, same ridge and scale.

        h is the diagonal of the smoother with its intercept, S = 11ᵀ/n + U diag(λ/(λ+β)) Uᵀ, and r = (I − S) y.

        Args:
            ridge: as in `predict`.

        Source: Allen 1974, Technometrics 16(1).
        """
        ridges = np.full(labels.shape[1], self.loo_ridge(labels) if ridge is None else ridge)
        coefficients, outside = self._along(labels)
        missed = self._missed(ridges)
        residuals: Array = (outside + self.left @ (missed * coefficients)) / self._slack(missed)[0]
        return residuals

    def loo_ridge(self, labels: Array, ridges: Array = RIDGES) -> Array:
        """(k,) ridge per column of (n, k) labels that minimises PRESS, the summed squares of `left_out`.

        It is exact, as scikit-learn's `RidgeCV`. The generalised score of Golub, Heath and Wahba puts the mean of
        1 − h for each, and for features that few rows carry (counts, fingerprints) then prefers next to no ridge.

        Source: Allen 1974, Technometrics 16(1).
        """
        coefficients, outside = self._along(labels)
        missed = self._missed(ridges)
        slack = self._loo_slack if ridges is RIDGES else self._slack(missed)[0]
        score, step = np.empty((len(ridges), labels.shape[1])), max(1, _WIDE // max(labels.shape[1], 1))
        for start in range(0, len(ridges), step):
            some = slice(start, start + step)
            shrunk = missed[:, some, None] * coefficients[:, None, :]
            residuals = np.tensordot(self.left, shrunk, axes=1)
            residuals += outside[:, None, :]
            residuals /= slack[:, some, None]
            score[some] = np.einsum("njk,njk->jk", residuals, residuals)
        best: Array = ridges[np.argmin(score, axis=0)]
        return best

    def expected_loo_ridge(self, energy: Array, total: Array | None, ridges: Array = RIDGES) -> Array:
        """As `loo_ridge` for labels known by their expected energies only, taken as uncorrelated between directions.

        E PRESS(β) = Σ_k E (u_kᵀ y)² (1 − s_k)² Σ_i u_ik² / (1 − h_i)²  +  the same for the part outside U, spread over
        the rows as white noise would be.

        Args:
            energy: (…, r, k) E (Uᵀ y)² per direction.
            total: (…, k) E ‖y − ȳ‖²; None where nothing of y is outside U, which rounding would deny.
            ridges: tried.
        """
        inside, beyond = self._expected_press if ridges is RIDGES else self._press_table(ridges)
        score = inside @ energy
        if total is not None:
            score += beyond[..., None] * namespace(score).maximum(total - energy.sum(axis=-2), 0.0)[..., None, :]
        best: Array = beside(score, ridges)[namespace(score).argmin(score, axis=-2)]
        return best

    @once
    def _loo_slack(self) -> Array:
        return self._slack(self._missed(RIDGES))[0]

    @once
    def _expected_press(self) -> tuple[Array, Array]:
        return self._press_table(RIDGES)

    def _press_table(self, ridges: Array) -> tuple[Array, Array]:
        """(…, R, r) E PRESS per unit of energy along each direction, and (…, R) per unit of energy outside U."""
        missed = self._missed(ridges)
        slack, beyond = self._slack(missed)
        weight = slack**-2
        inside = (missed**2 * ((self.left**2).swapaxes(-1, -2) @ weight)).swapaxes(-1, -2)
        spread = beyond / namespace(beyond).maximum(beyond.sum(axis=-1, keepdims=True), _TINY)
        return inside, (spread[..., None, :] @ weight)[..., 0, :]

    def _along(self, labels: Array) -> tuple[Array, Array]:
        """(r, k) Uᵀ y, and (n, k) what the mean and U leave of y."""
        centred = labels - labels.mean(axis=0)
        coefficients = self.left.T @ centred
        return coefficients, centred - self.left @ coefficients

    def _missed(self, ridges: Array) -> Array:
        """(…, r, R) β/(λ+β), what the head leaves of each direction at R ridges."""
        ridges = beside(self.values, ridges)
        left_over: Array = ridges / (self.values[..., None] + ridges)
        return left_over

    def _slack(self, missed: Array) -> tuple[Array, Array]:
        """(…, n, R) 1 − h_i without cancellation, and (…, n) its part outside U, (1 − 1/n) − Σ_k u_ik²."""
        xp, squares = namespace(self.left), self.left**2
        beyond = xp.maximum(1.0 - 1.0 / self.rows - squares.sum(axis=-1), 0.0)
        slack: Array = xp.maximum(beyond[..., None] + squares @ missed, _TINY)
        return slack, beyond
