"""What gold labels tell of kernels: how likely they are under functions that each model sees."""

from __future__ import annotations

import numpy as np

from predictor.statistics.arrays import Array
from predictor.truth.model import NOISES

TEMPER = 10.0
"""Models weigh exp(log evidence / TEMPER): they are alike, so their evidences are far from independent."""

CONSTANT = 1e-12
"""Mean diagonal up to which a kernel is constant but for rounding: those compared are of the size of 1."""


def log_evidence(kernel: Array, gold: Array) -> float:
    """log of the mean over noises ν of Π_c N(y_c; 0, ((1 − ν) K + ν I) / k), but for a constant.

    Args:
        kernel: (l, l) of the gold rows; K is this centred, mean diagonal 1, and 0 where it is constant.
        gold: (l, k) labels, centred, of unit variance in all columns together.

    Source: Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", equation 5.8.
    """
    means = kernel.mean(axis=0)
    values, vectors = np.linalg.eigh(kernel - means[:, None] - means[None, :] + means.mean())
    level = float(np.mean(values))
    values = np.maximum(values, 0.0) / level if level > CONSTANT else np.zeros_like(values)
    noise = np.array(NOISES)[:, None]
    variances = ((1.0 - noise) * values + noise) / gold.shape[1]
    energy = np.sum((vectors.T @ gold) ** 2, axis=1)
    logs = -0.5 * np.sum(energy / variances + gold.shape[1] * np.log(variances), axis=1)
    return float(logs.max() + np.log(np.mean(np.exp(logs - logs.max()))))


def supported(prior: Array, evidence: Array) -> Array:
    """(m,) shares prior · exp(log evidence / TEMPER), summing to 1: models are alike, so that their evidences repeat
    each other."""
    raised: Array = prior * np.exp((evidence - evidence[prior > 0.0].max()) / TEMPER)
    return raised / float(raised.sum())
