"""RBF kernels: labels that are smooth in what models see, however they depend on it.

    K_ab  =  Σ_m w_m exp(−d_m(a, b)² / 2 length²),

d in units of each model's median distance between rows. Rasmussen, Williams 2006, "Gaussian Processes for Machine
Learning", equation 4.9.
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
from predictor.truth.kernel_evidence import log_evidence, supported
from predictor.truth.kernels import unit

LENGTHS = (0.6, 1.0, 1.6)
"""RBF lengths tried, in units of each model's median distance between rows."""

PAIRS = 4000
"""Pairs of rows whose median distance is a model's typical one."""

MAX_GOLD_ROWS = 400
"""Gold rows that models are weighed by at most: the cost grows with their cube."""

SMALL_SHARE = 1e-3
"""Models of smaller shares are left out."""


@dataclass(frozen=True, eq=False)
class Distances:
    """Standardised features of one model with the squared median distance between its rows."""

    scaled: Array
    norms: Array
    typical: float

    @classmethod
    def of(cls, features: NDArray[np.floating], pairs: NDArray[np.intp]) -> Distances:
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


def rbf_kernels(
    models: Sequence[NDArray[np.floating]], gold: Array, known: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Array, ...]:
    """(n, n) mixture at each of LENGTHS, centred, mean diagonal 1.

    Models weigh as much as their own kernels make gold labels likely.

    Args:
        models: features (n, d) of each.
        gold: (l, k) labels of the rows `known`, centred, of unit variance in all columns together.
        rng: draws the pairs of rows, the same for every model.
    """
    every, pairs = np.arange(len(models[0])), rng.integers(len(models[0]), size=(2, PAIRS))
    distances = in_order(lambda one: Distances.of(one, pairs), models)

    some = slice(0, None, -(-len(known) // MAX_GOLD_ROWS))

    def evidence(one: Distances) -> float:
        squared = one.between(known[some], known[some])
        return max(log_evidence(rbf(squared, 1.0, length), gold[some]) for length in LENGTHS)

    shares = supported(np.full(len(models), 1.0 / len(models)), np.array(in_order(evidence, distances)))
    shares[shares < SMALL_SHARE] = 0.0
    squared = [partial(one.between, every, every) for one in distances]
    return tuple(unit(mixture(squared, shares / shares.sum(), length)) for length in LENGTHS)


def mixture(squared: Sequence[Callable[[], Array]], weights: Array, length: float) -> Array:
    """Σ wₘ exp(−dₘ² / 2 length²) over the models that weigh anything; as many are in memory as threads.

    Args:
        squared: each gives the squared distances of one model.
    """
    used = [(one, float(w)) for one, w in zip(squared, weights, strict=True) if w]
    total: Array | None = None
    for start in range(0, len(used), threads := usable_threads()):
        for part in in_order(lambda one: rbf(one[0](), one[1], length), used[start : start + threads]):
            total = part if total is None else np.add(total, part, out=total)
    if total is None:
        raise TypeError("weights of models sum to 1")
    return total


def rbf(squared: Array, weight: float, length: float) -> Array:
    """weight · exp(−d² / 2 length²) of squared distances in units of the median's square."""
    found: Array = np.exp(squared * (-0.5 / length**2))
    found *= weight
    return found
