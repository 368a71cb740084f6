"""Consensus of heads that were trained on the same gold rows: no gold label is used.

The best linear prediction of the truth from all weak labels f_i is

    T  =  ȳ + α Σᵢ aᵢ (f_i − f̄_i),    a = (Σ + ρ I)⁻¹ c,    Σ = cov(f, f),    c = cov(f, y).

Σ and c come from two sources, both in units of their mean variance. *The labels at hand* have a Σ, and weak models that
are calibrated, E[y | f_i] = f_i, covary with the truth exactly as much as they vary: c_i = Σ_ii. But heads trained on
the same gold rows share the noise of these, so what many agree on need not be true, and calibration is valid only
in the mean.
*The simulation* of the same training (`predictor.training.simulation`) knows both for heads on these representations
before any label is seen. Most is left to it:

    Σ  =  γ Σ_simulated + (1 − γ) Σ_seen,    c  =  γ c_simulated + (1 − γ) diag Σ_seen.

α is such that Σᵢ cov(f_i, T) = Σᵢ var f_i, as all candidates together are taken to be calibrated.

A bad weak head of a well-chosen ridge predicts nearly the same for every row. It is near any average, so distances to
the mean of all rate it good. Its variance is small, and so is its weight in T. Derived here; no paper states it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array

SIMULATED = 0.9
"""γ: share of the simulation in what weak labels are taken to have in common with each other and with the truth."""

SHRINKAGE = 0.3
"""ρ, as a multiple of the mean variance of the weak labels."""


@dataclass(frozen=True, eq=False)
class WeakMoments:
    """Second moments over rows of the weak labels of m models, and of these with the truth.

    Attributes:
        spread: (m, m) covariances of weak labels.
        with_truth: (m,) covariance of each with the truth.
    """

    spread: Array
    with_truth: Array


def linear_prediction(centred: Array, simulated: WeakMoments) -> Array:
    """(n, k) T − ȳ from centred (n, m, k) weak labels."""
    rows, candidates, columns = centred.shape
    flat = centred.transpose(0, 2, 1).reshape(rows * columns, candidates)
    covariance = flat.T @ flat / rows
    variances, every = np.diag(covariance), np.ones(candidates)
    known = float(every @ np.diag(simulated.spread))
    predicted = SIMULATED * candidates / known if known > 0.0 else 0.0
    seen = (1.0 - SIMULATED if known > 0.0 else 1.0) * float(candidates / (every @ variances))
    among = seen * covariance + predicted * simulated.spread
    weights = np.linalg.solve(
        among + SHRINKAGE * np.eye(candidates), seen * variances + predicted * simulated.with_truth
    )
    scale = float(every @ variances) / float(every @ covariance @ weights)
    truth: Array = scale * (flat @ weights).reshape(rows, columns)
    return truth
