"""The label model given gold labels of some rows, or none: moments at every row in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array
from predictor.truth.model import NEGLIGIBLE, SCALES, Hypothesis, LabelModel, Rows


@dataclass(frozen=True, eq=False)
class NoiseLevel:
    """The truth at one level of noise, under one kernel or a mixture of them.

    Attributes:
        weight: of the level, all together 1.
        noise: σ² per label column.
        mean: (n, k) of the truth.
        covariance: (n, n) of the truth per column, mean over columns; grid points' means differ, which is included.
    """

    weight: float
    noise: float
    mean: Array
    covariance: Array

    def second_moment(self) -> Array:
        """(n, n) E T Tᵀ, mean over columns, T centred over the rows."""
        centred = self.mean - self.mean.mean(axis=0)
        found: Array = self.covariance + centred @ centred.T / self.mean.shape[1]
        return found

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """(n, k, count) truths without noise, Gaussian with the level's moments."""
        rows, columns = self.mean.shape
        jitter = 1e-10 * max(float(np.trace(self.covariance)) / rows, 1e-12)
        root = _root(self.covariance, jitter)
        smooth = (root @ rng.standard_normal((rows, columns * count))).reshape(rows, columns, count)
        found: Array = self.mean[:, :, None] + smooth
        return found


@dataclass(frozen=True, eq=False)
class LabelPosterior:
    """The truth given all evidence: a mixture.

    Attributes:
        levels: one per kernel and noise.
        hypotheses, weights: grid points and their weights (G,).
        coefficients: (p + q,) expected θ: of the consensus' parts, then of each voter beyond it.
        left_out: (l, k) what the posterior says of each gold row from all the others; empty without gold labels.
    """

    levels: tuple[NoiseLevel, ...]
    hypotheses: tuple[Hypothesis, ...]
    weights: Array
    coefficients: Array
    left_out: Array

    @property
    def mean(self) -> Array:
        """(n, k) expected truth."""
        found: Array = np.sum([level.weight * level.mean for level in self.levels], axis=0)
        return found

    @property
    def noise(self) -> float:
        """Expected σ² per column."""
        return float(sum(level.weight * level.noise for level in self.levels))

    @property
    def variance(self) -> Array:
        """(n,) variance of a label per column, noise included, mean over columns."""
        mean = self.mean
        among = [
            level.weight * (np.diag(level.covariance) + level.noise + np.mean((level.mean - mean) ** 2, axis=1))
            for level in self.levels
        ]
        found: Array = np.sum(among, axis=0)
        return found

    def by_noise(self) -> tuple[NoiseLevel, ...]:
        """One level per noise, kernels merged, by rising noise."""
        noises = sorted({level.noise for level in self.levels})
        return tuple(_merged([level for level in self.levels if level.noise == noise]) for noise in noises)

    def take(self, rows: Rows) -> LabelPosterior:
        """The same on some of the rows."""
        levels = tuple(
            NoiseLevel(one.weight, one.noise, one.mean[rows], one.covariance[np.ix_(rows, rows)]) for one in self.levels
        )
        return LabelPosterior(levels, self.hypotheses, self.weights, self.coefficients, self.left_out)

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """(n, k, count) labels, noise included; levels are drawn in proportion to their weights."""
        counts = rng.multinomial(count, np.array([level.weight for level in self.levels]))
        drawn = []
        for level, number in zip(self.levels, counts, strict=True):
            truth = level.draw(int(number), rng)
            drawn.append(truth + np.sqrt(level.noise) * rng.standard_normal(truth.shape))
        found: Array = np.concatenate(drawn, axis=2)[:, :, rng.permutation(count)]
        return found


def posterior(model: LabelModel, gold: Array, known: Rows) -> LabelPosterior:
    """Condition on gold labels.

    Args:
        gold: (l, k) centred labels in units of their standard deviation (summed over columns); l may be 0.
        known: (l,) their rows.
    """
    grid = model.grid(SCALES if len(known) else (1.0,))
    seen = [Seen.of(model, kernel, gold, known) for kernel in range(len(model.kernels))]
    logs = np.array([seen[at.kernel].evidence(model, at) for at in grid]) if len(known) else np.zeros(len(grid))
    weights = np.exp(logs - logs.max())
    weights = np.where(weights < NEGLIGIBLE * weights.max(), 0.0, weights)
    weights /= weights.sum()
    kept = [(float(w), at) for w, at in zip(weights, grid, strict=True) if w > 0.0]
    found = [(w, at, seen[at.kernel].moments(model, at)) for w, at in kept]
    alike = sorted({(at.kernel, at.noise) for _, at in kept})
    points = [((at.kernel, at.noise), NoiseLevel(w, at.noise, one.mean, one.covariance)) for w, at, one in found]
    levels = [_merged([level for own, level in points if own == key]) for key in alike]
    coefficients: Array = np.sum([w * moments.coefficients for w, _, moments in found], axis=0)
    left_out: Array = np.sum([w * moments.left_out for w, _, moments in found], axis=0)
    return LabelPosterior(tuple(levels), grid, weights, coefficients, left_out)


@dataclass(frozen=True, eq=False)
class _Moments:
    """At one grid point: truth at every row, coefficients, and each gold row predicted from the others."""

    mean: Array
    covariance: Array
    coefficients: Array
    left_out: Array


@dataclass(frozen=True, eq=False)
class Seen:
    """Gold labels along the eigenvectors of one kernel between gold rows.

    Attributes:
        kernel: (n, n), with a constant of variance 1/l added, as the mean of l gold labels is no better known.
        values, vectors: of its gold block.
        gold: (l, k).
    """

    kernel: Array
    known: Rows
    values: Array
    vectors: Array
    gold: Array

    @classmethod
    def of(cls, model: LabelModel, kernel: int, gold: Array, known: Rows) -> Seen:
        """Factor the gold block of one of the model's kernels."""
        whole = model.kernels[kernel] + (1.0 / len(known) if len(known) else 0.0)
        values, vectors = np.linalg.eigh(whole[np.ix_(known, known)])
        return cls(whole, known, np.maximum(values, 0.0), vectors, gold)

    def _solved(self, model: LabelModel, at: Hypothesis) -> _Solved:
        weight = 1.0 / (at.smooth * self.values + at.noise)
        basis = model.directions(at)
        missed = self.vectors.T @ (self.gold - model.prior_mean(at)[self.known])
        turned = np.tensordot(self.vectors.T, basis[self.known], axes=1)
        weighted = turned * weight[:, None, None]
        precision = np.eye(turned.shape[1]) + np.einsum("lpc,lqc->pq", weighted, turned, optimize=True)
        steps = np.linalg.solve(precision, np.einsum("lpc,lc->p", weighted, missed, optimize=True))
        return _Solved(weight, missed, basis, turned, steps, precision)

    def evidence(self, model: LabelModel, at: Hypothesis) -> float:
        """Log marginal likelihood of the gold labels, but for a constant."""
        one = self._solved(model, at)
        energy = float(np.sum(one.weight[:, None] * one.missed**2) - np.sum((one.precision @ one.steps) * one.steps))
        columns = self.gold.shape[1]
        determinant = float(np.linalg.slogdet(one.precision)[1] - columns * np.sum(np.log(one.weight)))
        return -0.5 * (energy + determinant)

    def moments(self, model: LabelModel, at: Hypothesis) -> _Moments:
        """Truth at every row."""
        one = self._solved(model, at)
        columns = self.gold.shape[1]
        across = at.smooth * (self.kernel[:, self.known] @ self.vectors)
        residual = one.missed - np.einsum("lpc,p->lc", one.turned, one.steps)
        mean = model.prior_mean(at) + np.einsum("npc,p->nc", one.basis, one.steps)
        mean += across @ (one.weight[:, None] * residual)
        covariance = at.smooth * self.kernel - (across * one.weight) @ across.T
        spread = np.linalg.cholesky(np.linalg.inv(one.precision)) if len(one.precision) else one.precision
        for column in range(columns):
            own = (one.basis[:, :, column] - across @ (one.weight[:, None] * one.turned[:, :, column])) @ spread
            covariance += own @ own.T / columns
        return _Moments(mean, covariance, model.start(at) + model.steps(at) * one.steps, self._left_out(one))

    def _left_out(self, one: _Solved) -> Array:
        """(l, k) predictions of gold rows from the others, by the inverse of their covariance (equation 5.12)."""
        found = np.empty_like(self.gold)
        for column in range(self.gold.shape[1]):
            turned = one.turned[:, :, column]
            weighted = one.weight[:, None] * turned
            lifted = self.vectors @ weighted
            inner = np.eye(lifted.shape[1]) + turned.T @ weighted
            inverse = (self.vectors * one.weight) @ self.vectors.T - lifted @ np.linalg.solve(inner, lifted.T)
            missed = self.vectors @ one.missed[:, column]
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


def _merged(parts: Sequence[NoiseLevel]) -> NoiseLevel:
    """The mixture's moments; all have one noise."""
    if len(parts) == 1:
        return parts[0]
    weight = sum(one.weight for one in parts)
    mean = np.sum([one.weight * one.mean for one in parts], axis=0) / weight
    covariance = np.zeros_like(parts[0].covariance)
    for one in parts:
        apart = one.mean - mean
        covariance += (one.weight / weight) * (one.covariance + apart @ apart.T / mean.shape[1])
    return NoiseLevel(weight, parts[0].noise, mean, covariance)


def _root(covariance: Array, jitter: float) -> Array:
    """Some root of a covariance: Cholesky's where rounding allows it."""
    for lifted in (jitter, 1e4 * jitter):
        try:
            return np.asarray(np.linalg.cholesky(covariance + lifted * np.eye(len(covariance))), dtype=np.float64)
        except np.linalg.LinAlgError:
            continue
    values, vectors = np.linalg.eigh(covariance)
    found: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return found
