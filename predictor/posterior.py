"""Gaussian-process posterior of the truth on unlabelled rows, given gold labels of others.

Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", equations 2.25, 2.26 and 5.8. The kernel is a
mixture of RBF kernels on several models' representations; mixture, length and noise maximise the marginal likelihood of
the gold labels, the amplitude is profiled out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.spectra import Scale

Array = NDArray[np.float64]

LENGTHS = (0.4, 0.6, 0.8, 1.0, 1.5, 2.5)
"""RBF lengths tried, in units of each model's median distance between rows."""

MIXTURES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the strong model's kernel tried; the rest goes evenly to the candidates."""

NOISES: Array = np.logspace(-3, 1.5, 19)
"""Noise variances tried, as multiples of the amplitude."""

SELECTION_ROWS = 600
"""Gold rows used to choose hyperparameters; all of them enter the posterior."""


@dataclass(frozen=True, eq=False)
class TruthPosterior:
    """y at the target rows, given gold labels: mean and covariance, noise included.

    Attributes:
        mean: (m, k).
        covariance: (m, m) of the noiseless truth, per column.
        noise: variance of a label around the truth, per column.
        strong_share, length: the kernel chosen.
        log_evidence: log marginal likelihood at the choice, per selection row.
    """

    mean: Array
    covariance: Array
    noise: float
    strong_share: float
    length: float
    log_evidence: float

    @property
    def variance(self) -> Array:
        """(m,) variance of a label, noise included, per column."""
        total: Array = np.diag(self.covariance) + self.noise
        return total

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
    def of(cls, features: NDArray[np.floating], rng: np.random.Generator) -> _Distances:
        scaled = Scale.of(features).apply(features)
        norms = np.sum(scaled**2, axis=1)
        left, right = rng.integers(len(scaled), size=(2, 4000))
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
        rng: chooses selection rows and the pairs whose median distance sets each length.
    """
    distances = [_Distances.of(features, rng) for features in (strong, *weak)]
    chosen = rng.permutation(len(labelled))[:SELECTION_ROWS]
    rows = labelled[chosen]
    squared = [d.between(rows, rows) for d in distances]
    best = (-np.inf, 0.0, 0.0, 0.0)
    for length in LENGTHS:
        kernels = [np.exp(s * (-0.5 / length**2)) for s in squared]
        candidates = sum(kernels[1:], np.zeros_like(kernels[0])) / max(len(kernels) - 1, 1)
        for share in MIXTURES:
            evidence, noise = _evidence(share * kernels[0] + (1.0 - share) * candidates, gold[chosen])
            if evidence > best[0]:
                best = (evidence, share, length, noise)
    evidence, share, length, noise = best

    def kernel(left: NDArray[np.intp], right: NDArray[np.intp]) -> Array:
        total = np.zeros((len(left), len(right)))
        weights = [share] + [(1.0 - share) / max(len(weak), 1)] * len(weak)
        for weight, model in zip(weights, distances, strict=True):
            if weight:
                total += weight * np.exp(model.between(left, right) * (-0.5 / length**2))
        return total

    values, vectors = np.linalg.eigh(kernel(labelled, labelled))
    across = kernel(target, labelled) @ vectors
    shrunk = np.maximum(values, 0.0) + noise
    coefficients = vectors.T @ gold
    amplitude = float(np.mean(coefficients**2 / shrunk[:, None]))
    mean = across @ (coefficients / shrunk[:, None])
    covariance = amplitude * (kernel(target, target) - (across / shrunk) @ across.T)
    return TruthPosterior(mean, covariance, amplitude * noise, share, length, evidence)


def _evidence(kernel: Array, gold: Array) -> tuple[float, float]:
    """Best log marginal likelihood per row over NOISES, amplitude profiled, columns independent; and its noise."""
    values, vectors = np.linalg.eigh(kernel)
    energy = (vectors.T @ gold) ** 2
    shrunk = np.maximum(values, 0.0)[:, None] + NOISES
    amplitude = np.mean(energy[:, :, None] / shrunk[:, None, :], axis=(0, 1))
    score = -0.5 * gold.shape[1] * (np.log(amplitude) + np.mean(np.log(shrunk), axis=0) + 1.0 + np.log(2.0 * np.pi))
    best = int(np.argmax(score))
    return float(score[best]), float(NOISES[best])
