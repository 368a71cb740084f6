"""Gaussian-process posterior of the truth on unlabelled rows, given gold labels of others.

Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", equations 2.25, 2.26 and 5.8. The kernel is a
mixture of RBF kernels on several models' representations, each weighted by how well it alone explains the gold labels;
length and noise maximise the marginal likelihood, the amplitude is profiled out. Leave-one-out residuals (equations
5.10 to 5.12) show how far the posterior's own variance is off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array
from predictor.statistics.threads import in_order
from predictor.truth.kernel_evidence import TEMPER
from predictor.truth.rbf import LENGTHS, PAIRS, Distances, mixture, rbf

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
    pairs = rng.integers(len(strong), size=(2, PAIRS))
    distances = [Distances.of(features, pairs) for features in (strong, *weak)]
    chosen = rng.permutation(len(labelled))[:SELECTION_ROWS]
    rows = labelled[chosen]
    squared = [d.between(rows, rows) for d in distances]
    weights = _weights(squared, gold[chosen])
    among = [partial(_same, one) for one in squared]
    evidence, noise, length = max(
        (*_evidence(mixture(among, weights, length), gold[chosen]), length) for length in LENGTHS
    )

    def kernel(left: NDArray[np.intp], right: NDArray[np.intp]) -> Array:
        return mixture([partial(model.between, left, right) for model in distances], weights, length)

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
    alone = in_order(lambda one: max(_evidence(rbf(one, 1.0, length), gold)[0] for length in LENGTHS), squared)
    logs = np.array(alone) * (len(gold) / TEMPER)
    weights = np.exp(logs - logs.max())
    weights[weights < 1e-3] = 0.0
    shares: Array = weights / weights.sum()
    return shares


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
