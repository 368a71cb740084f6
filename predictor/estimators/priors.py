"""Priors over tasks: kernels that say which label functions of the pool are plausible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.spectra import Scale

Array = NDArray[np.float64]


def squared_distances(features: NDArray[np.floating]) -> Array:
    """(n, n) squared Euclidean distances between standardised rows, divided by their median over pairs."""
    scaled = Scale.of(features).apply(features)
    norms = np.sum(scaled**2, axis=1)
    distances: Array = norms[:, None] + norms[None, :] - 2.0 * (scaled @ scaled.T)
    np.maximum(distances, 0.0, out=distances)
    typical = float(np.median(distances[np.triu_indices(len(distances), 1)]))
    distances /= max(typical, 1e-12)
    return distances


def rbf_kernel(features: NDArray[np.floating], length: float = 1.0) -> Array:
    """exp(−d² / (2 length²)), d in units of the median distance; unit diagonal."""
    kernel: Array = np.exp(squared_distances(features) * (-0.5 / length**2))
    return kernel


def mean_kernel(kernels: Sequence[Array]) -> Array:
    """The even mixture of kernels: a task that any one of the models may see."""
    total = np.zeros_like(kernels[0])
    for kernel in kernels:
        total += kernel
    return total / len(kernels)


def smoother_kernel(kernel: Array) -> Array:
    """(H K H)² with H the centring: the same directions, their variances squared, so that tasks are far smoother."""
    means = kernel.mean(axis=0)
    centred = kernel - means[:, None] - means[None, :] + means.mean()
    squared: Array = centred @ centred
    return squared
