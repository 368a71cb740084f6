"""Gaussian-process posterior of the truth on unlabelled rows, given gold labels of others.

Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", equations 2.25, 2.26 and 5.8. The kernel is a
mixture of RBF kernels on several models' representations, each weighted by how well it alone explains the gold labels;
length and noise maximise the marginal likelihood, the amplitude is profiled out. Leave-one-out residuals (equations
5.10 to 5.12) show how far the posterior's own variance is off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from predictor.spectral.spectra import Scale
from predictor.statistics.arrays import Array
from predictor.statistics.threads import in_order, usable_threads

LENGTHS = (0.6, 1.0, 1.6)
"""RBF lengths tried, in units of each model's median distance between rows."""

TEMPER = 10.0
"""Models weigh exp(log evidence / TEMPER): they are alike, so their evidences are far from independent."""

NOISES: Array = np.logspace(-3, 1.5, 19)
"""Noise variances tried, as multiples of the amplitude."""

SELECTION_ROWS = 400
"""Gold rows used to choose hyperparameters; all of them enter the posterior."""


@dataclass(frozen=True, eq=False)
class TruthPosterior:
    """y at the target rows, given gold labels: mean and covariance, noise included.

    Attributes:
        mean: (m, k).
        covariance: (m, m) of the noiseless truth, per column.
        noise: variance of a label around the truth, per column.
        weights: (1 + m,) shares of the strong model's kernel and of each candidate's.
        length: the RBF length of all of them.
        log_evidence: log marginal likelihood at the choice, per selection row.
        left_out: (l, k) mean of each gold row given all the others.
        held_out: (l,) squared leave-one-out residual of each gold row, mean over columns, as a share of the posterior's
            own mean variance there: 1 in the mean where the posterior is right about its errors.
    """

    mean: Array
    covariance: Array
    noise: float
    weights: Array
    length: float
    log_evidence: float
    left_out: Array
    held_out: Array

    @property
    def variance(self) -> Array:
        """(m,) variance of a label, noise included, per column."""
        total: Array = np.diag(self.covariance) + self.noise
        return total

    @property
    def level(self) -> tuple[float, float]:
        """Mean of `held_out` and its standard error: how far the posterior's own variance is off, as a factor."""
        return float(np.mean(self.held_out)), float(np.std(self.held_out) / np.sqrt(len(self.held_out)))

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """(m, k, count) plausible label vectors."""
        rows, columns = self.mean.shape
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        smooth = (root @ rng.standard_normal((rows, columns * count))).reshape(rows, columns, count)
        noise = np.sqrt(self.noise) * rng.standard_normal(smooth.shape)
        drawn: Array = self.mean[:, :, None] + smooth + noise
        return drawn


@dataclass(frozen=True, eq=False)
class _Distances:
    """Standardised features of one model with the squared median distance between its rows."""

    scaled: Array
    norms: Array
    typical: float

    @classmethod
    def of(cls, features: NDArray[np.floating], pairs: NDArray[np.intp]) -> _Distances:
        """Measure (n, d) features over (2, p) pairs of rows."""
        scaled = Scale.of(features).apply(features)
        norms = np.sum(scaled**2, axis=1)
        left, right = pairs
        apart = np.sum((scaled[left] - scaled[right]) ** 2, axis=1)[left != right]
        return cls(scaled, norms, max(float(np.median(apart)), 1e-12))

    def between(self, left: NDArray[np.intp], right: NDArray[np.intp]) -> Array:
        """(l, r) squared distances in units of the median's square."""
        squared = (
            self.norms[left][:, None] + self.norms[right][None, :] - 2.0 * self.scaled[left] @ self.scaled[right].T
        )
        result: Array = np.maximum(squared, 0.0) / self.typical
        return result


def truth_posterior(
    strong: NDArray[np.floating],
    weak: Sequence[NDArray[np.floating]],
    gold: Array,
    labelled: NDArray[np.intp],
    target: NDArray[np.intp],
    rng: np.random.Generator,
) -> TruthPosterior:
    """Posterior at `target` rows given `gold` at `labelled` rows.

    Args:
        strong, weak: features (n, d) of all models on all rows.
        gold: (l, k), centred, in the unit that the answer will have.
        labelled, target: row numbers, disjoint.
        rng: chooses selection rows and the pairs, the same for every model, whose median distance sets its length.
    """
    pairs = rng.integers(len(strong), size=(2, 4000))
    distances = [_Distances.of(features, pairs) for features in (strong, *weak)]
    chosen = rng.permutation(len(labelled))[:SELECTION_ROWS]
    rows = labelled[chosen]
    squared = [d.between(rows, rows) for d in distances]
    weights = _weights(squared, gold[chosen])
    among = [partial(_same, one) for one in squared]
    evidence, noise, length = max(
        (*_evidence(_mixture(among, weights, length), gold[chosen]), length) for length in LENGTHS
    )

    def kernel(left: NDArray[np.intp], right: NDArray[np.intp]) -> Array:
        return _mixture([partial(model.between, left, right) for model in distances], weights, length)

    values, vectors = np.linalg.eigh(kernel(labelled, labelled))
    across = kernel(target, labelled) @ vectors
    shrunk = np.maximum(values, 0.0) + noise
    coefficients = vectors.T @ gold
    amplitude = float(np.mean(coefficients**2 / shrunk[:, None]))
    mean = across @ (coefficients / shrunk[:, None])
    covariance = amplitude * (kernel(target, target) - (across / shrunk) @ across.T)
    precision = (vectors**2) @ (1.0 / shrunk)
    residual = (vectors @ (coefficients / shrunk[:, None])) / precision[:, None]
    held_out = np.mean(residual**2, axis=1) / float(np.mean(amplitude / precision))
    return TruthPosterior(mean, covariance, amplitude * noise, weights, length, evidence, gold - residual, held_out)


def _weights(squared: Sequence[Array], gold: Array) -> Array:
    """(M,) exp(log evidence / TEMPER) of each model alone at its best length, summing to 1; tiny ones are dropped."""
    alone = in_order(lambda one: max(_evidence(_kernel(one, 1.0, length), gold)[0] for length in LENGTHS), squared)
    logs = np.array(alone) * (len(gold) / TEMPER)
    weights = np.exp(logs - logs.max())
    weights[weights < 1e-3] = 0.0
    shares: Array = weights / weights.sum()
    return shares


def _mixture(squared: Sequence[Callable[[], Array]], weights: Array, length: float) -> Array:
    """Σ wₘ exp(−dₘ² / 2 length²) over the models that weigh anything; as many are in memory as threads.

    Args:
        squared: each gives the squared distances of one model.
    """
    used = [(one, float(w)) for one, w in zip(squared, weights, strict=True) if w]
    total: Array | None = None
    for start in range(0, len(used), threads := usable_threads()):
        for part in in_order(lambda one: _kernel(one[0](), one[1], length), used[start : start + threads]):
            total = part if total is None else np.add(total, part, out=total)
    if total is None:
        raise TypeError("weights of models sum to 1")
    return total


def _kernel(squared: Array, weight: float, length: float) -> Array:
    found: Array = np.exp(squared * (-0.5 / length**2))
    found *= weight
    return found


def _same(squared: Array) -> Array:
    return squared


def _evidence(kernel: Array, gold: Array) -> tuple[float, float]:
    """Best log marginal likelihood per row over NOISES, amplitude profiled, columns independent; and its noise."""
    values, vectors = np.linalg.eigh(kernel)
    energy = (vectors.T @ gold) ** 2
    shrunk = np.maximum(values, 0.0)[:, None] + NOISES
    amplitude = np.mean(energy[:, :, None] / shrunk[:, None, :], axis=(0, 1))
    score = -0.5 * gold.shape[1] * (np.log(amplitude) + np.mean(np.log(shrunk), axis=0) + 1.0 + np.log(2.0 * np.pi))
    best = int(np.argmax(score))
    return float(score[best]), float(NOISES[best])
