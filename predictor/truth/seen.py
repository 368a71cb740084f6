"""Seen: gold labels of some rows under one kernel of the label model, and the truth that follows, in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array
from predictor.truth.model import Hypothesis, LabelModel, Rows


@dataclass(frozen=True, eq=False)
class Moments:
    """At one grid point: mean and (n,) variance of the truth, and each gold row from the others."""

    mean: Array
    variance: Array
    left_out: Array


@dataclass(frozen=True, eq=False)
class Seen:
    """Gold labels along the eigenvectors of one kernel between gold rows.

    Attributes:
        kernel: (n, n).
        constant: added to every entry of it: 1/l, as the mean of l gold labels is no better known.
        values: of its gold block, rows and columns divided by the deviation of their noise.
        vectors: of that block, divided likewise: vectorsᵀ (K + noise) vectors is diagonal.
        uneven: (l,) noise variance of each gold label as a multiple of σ².
        gold: (l, k).
    """

    kernel: Array
    constant: float
    known: Rows
    values: Array
    vectors: Array
    uneven: Array
    gold: Array

    @classmethod
    def of(cls, model: LabelModel, kernel: int, gold: Array, known: Rows, uneven: Array) -> Seen:
        """Factor the gold block of one of the model's kernels."""
        whole, constant = model.kernels[kernel], 1.0 / len(known) if len(known) else 0.0
        apart = np.sqrt(uneven)
        values, vectors = np.linalg.eigh((whole[np.ix_(known, known)] + constant) / np.outer(apart, apart))
        return cls(whole, constant, known, np.maximum(values, 0.0), vectors / apart[:, None], uneven, gold)

    def _solved(self, model: LabelModel, at: Hypothesis) -> _Solved:
        weight = 1.0 / (at.smooth * self.values + at.noise)
        basis = model.directions(at)
        missed = self.vectors.T @ (self.gold - model.prior_mean(at)[self.known])
        turned = np.tensordot(self.vectors.T, basis[self.known], axes=1)
        weighted = turned * weight[:, None, None]
        precision = np.eye(turned.shape[1]) + np.tensordot(weighted, turned, axes=((0, 2), (0, 2)))
        pulled = np.tensordot(weighted, missed, axes=((0, 2), (0, 1)))
        steps = np.asarray(np.linalg.solve(precision, pulled), dtype=np.float64)
        return _Solved(weight, missed, basis, turned, steps, precision)

    def evidence(self, model: LabelModel, at: Hypothesis) -> float:
        """Log marginal likelihood of the gold labels, but for a constant."""
        one = self._solved(model, at)
        energy = float(np.sum(one.weight[:, None] * one.missed**2) - np.sum((one.precision @ one.steps) * one.steps))
        columns = self.gold.shape[1]
        determinant = float(np.linalg.slogdet(one.precision)[1] - columns * np.sum(np.log(one.weight)))
        return -0.5 * (energy + determinant)

    def moments(self, model: LabelModel, at: Hypothesis) -> Moments:
        """Truth at every row, without covariances between rows."""
        if not len(self.known):
            return self._moments_before(model, at)
        one, across = self._solved(model, at), self._across(at)
        residual = one.missed - np.einsum("lpc,p->lc", one.turned, one.steps)
        mean = model.prior_mean(at) + np.einsum("npc,p->nc", one.basis, one.steps)
        mean += across @ (one.weight[:, None] * residual)
        variance = at.smooth * (np.diag(self.kernel) + self.constant) - np.sum(across**2 * one.weight, axis=1)
        for own in self._coefficients(one, across):
            variance += np.sum(own**2, axis=1) / model.columns
        return Moments(mean, variance, self._left_out(one))

    def covariance(self, model: LabelModel, at: Hypothesis) -> Array:
        """(n, n) of the truth, mean over columns."""
        if not len(self.known):
            before: Array = at.smooth * self.kernel
            if model.linear:
                basis = model.directions(at).reshape(len(self.kernel), -1)
                before += basis @ basis.T / model.columns
            return before
        one, across = self._solved(model, at), self._across(at)
        found: Array = at.smooth * (self.kernel + self.constant) - (across * one.weight) @ across.T
        for own in self._coefficients(one, across):
            found += own @ own.T / model.columns
        return found

    def _moments_before(self, model: LabelModel, at: Hypothesis) -> Moments:
        """The prior's, where no gold label is known."""
        variance: Array = at.smooth * self.kernel.diagonal()
        if model.linear:
            variance += np.sum(model.directions(at) ** 2, axis=(1, 2)) / model.columns
        return Moments(model.prior_mean(at), variance, np.empty_like(self.gold))

    def _across(self, at: Hypothesis) -> Array:
        """(n, l) covariance of the rest with the gold rows, along the eigenvectors."""
        found: Array = at.smooth * ((self.kernel[:, self.known] + self.constant) @ self.vectors)
        return found

    def _coefficients(self, one: _Solved, across: Array) -> Iterator[Array]:
        """Per column, (n, P): a root of what uncertain coefficients add to the covariance."""
        spread = np.linalg.cholesky(np.linalg.inv(one.precision)) if len(one.precision) else one.precision
        for column in range(one.basis.shape[2]):
            yield (one.basis[:, :, column] - across @ (one.weight[:, None] * one.turned[:, :, column])) @ spread

    def _left_out(self, one: _Solved) -> Array:
        """(l, k) predictions of gold rows from the others, by the inverse of their covariance (equation 5.12)."""
        found = np.empty_like(self.gold)
        for column in range(self.gold.shape[1]):
            turned = one.turned[:, :, column]
            weighted = one.weight[:, None] * turned
            lifted = self.vectors @ weighted
            inner = np.eye(lifted.shape[1]) + turned.T @ weighted
            inverse = (self.vectors * one.weight) @ self.vectors.T - lifted @ np.linalg.solve(inner, lifted.T)
            missed = self.uneven * (self.vectors @ one.missed[:, column])
            found[:, column] = self.gold[:, column] - (inverse @ missed) / np.diag(inverse)
        return found


@dataclass(frozen=True, eq=False)
class _Solved:
    """At one grid point, along the eigenvectors of the gold block.

    Attributes:
        weight: (l,) 1 / (τ² λ + σ²).
        missed: (l, k) gold labels less the prior mean.
        basis, turned: (n, P, k) Φ Λ^½ at every row, and (l, P, k) at the gold rows.
        steps, precision: (P,) posterior mean and (P, P) inverse covariance of standard normal steps.
    """

    weight: Array
    missed: Array
    basis: Array
    turned: Array
    steps: Array
    precision: Array
