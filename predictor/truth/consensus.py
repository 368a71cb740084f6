"""Posterior of the truth given the weak labels of several models: no gold label is used.

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

Votes, which are not calibrated, are replaced by the probability of the class given the vote (Dawid, Skene 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array
from predictor.truth.noise import NOISE_SHARES

SIMULATED = 0.9
"""γ: share of the simulation in what weak labels are taken to have in common with each other and with the truth."""

SHRINKAGE = 0.3
"""ρ, as a multiple of the mean variance of the weak labels."""

NOISES: Array = np.array(NOISE_SHARES)
"""Shares of the label variance that no candidate explains: tried for numbers, whose weak labels do not show it."""

CALIBRATION_SPREAD = 0.2
"""Standard deviation of log cov(f_i, y) / var f_i, of all candidates together and of each: it is assumed to be 0."""


MIN = 1e-6
"""Smallest share of a class."""


@dataclass(frozen=True, eq=False)
class WeakMoments:
    """Second moments over rows of the weak labels of m models, and of these with the truth.

    Attributes:
        spread: (m, m) covariances of weak labels.
        with_truth: (m,) covariance of each with the truth.
    """

    spread: Array
    with_truth: Array


@dataclass(frozen=True, eq=False)
class ConsensusTruth:
    """y on n rows given the weak labels of m candidates.

    Attributes:
        centred: (n, m, k) calibrated weak labels, less each candidate's mean.
        centre: (k,) ȳ, the candidates' means weighted by their variances.
        total: label variance, summed over columns, where the columns are classes; None for numbers.
        mean: (n, k) T.
        simulated: moments of the weak labels in the simulation.
    """

    centred: Array
    simulated: WeakMoments
    centre: Array
    total: float | None
    mean: Array

    @classmethod
    def of(cls, calibrated: Sequence[Array], simulated: WeakMoments, *, classes: bool) -> ConsensusTruth:
        """The posterior given m tables (n, k) of calibrated weak labels.

        Args:
            simulated: moments of such weak labels in the simulation.
            classes: columns are class probabilities (one column: of the second of two classes).
        """
        tables = np.stack(calibrated, axis=1)
        means = tables.mean(axis=0)
        centred = tables - means
        variances = _variances(centred)
        centre = variances @ means / variances.sum()
        # Linear heads may put the share of a rare class below 0.
        shares = np.clip(centre, MIN, 1.0 - MIN)
        total = float(np.sum(shares * (1.0 - shares))) if classes else None
        truth = _bounded(linear_prediction(centred, simulated, np.ones(len(variances))), total)
        return cls(centred, simulated, centre, total, centre + truth)

    @property
    def explained(self) -> float:
        """Variance of T, summed over columns."""
        return float(np.sum(np.var(self.mean, axis=0)))

    @property
    def spreads(self) -> Array:
        """(S,) plausible label variances: the known one, or one for each share of noise."""
        if self.total is not None:
            return np.array([self.total])
        plausible: Array = self.explained / (1.0 - NOISES)
        return plausible

    def draw(self, count: int, root: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Plausible labels (n, k, R) and the label variance (R,) of each.

        Each is the consensus of a Bayesian bootstrap of the candidates, calibrated up to DOUBT. What is missing of the
        label variance is partly smooth over the rows, as what the student may see and no candidate does, and partly
        noise: any share of the two is as likely as any other.

        Args:
            root: (n, r) whose root rootᵀ is the covariance of something smooth, mean diagonal 1.
        """
        rows, candidates, columns = self.centred.shape
        drawn, totals = np.empty((rows, columns, count)), np.empty(count)
        for r in range(count):
            shares = rng.exponential(size=candidates) * np.exp(CALIBRATION_SPREAD * rng.standard_normal(candidates))
            common = np.exp(CALIBRATION_SPREAD * rng.standard_normal() - 0.5 * CALIBRATION_SPREAD**2)
            truth = _bounded(common * linear_prediction(self.centred, self.simulated, shares), self.total)
            explained = float(np.sum(np.var(truth, axis=0)))
            totals[r] = self.total if self.total is not None else explained / (1.0 - NOISES[r % len(NOISES)])
            left = max(totals[r] - explained, 0.0) / columns
            share = rng.uniform()
            smooth = np.sqrt(left * share) * (root @ rng.standard_normal((root.shape[1], columns)))
            noise = np.sqrt(left * (1.0 - share)) * rng.standard_normal((rows, columns))
            drawn[:, :, r] = self.centre + truth + smooth + noise
        return drawn, totals


def linear_prediction(centred: Array, simulated: WeakMoments, shares: Array) -> Array:
    """(n, k) T − ȳ from centred (n, m, k) weak labels, candidate i counting `shares[i]` times."""
    rows, candidates, columns = centred.shape
    roots = np.sqrt(shares)
    flat = centred.transpose(0, 2, 1).reshape(rows * columns, candidates)
    covariance = flat.T @ flat / rows
    variances = np.diag(covariance)
    known = float(shares @ np.diag(simulated.spread))
    predicted = SIMULATED * float(shares.sum()) / known if known > 0.0 else 0.0
    seen = (1.0 - SIMULATED if known > 0.0 else 1.0) * float(shares.sum() / (shares @ variances))
    among = seen * covariance + predicted * simulated.spread
    inner = roots[:, None] * among * roots + SHRINKAGE * np.eye(candidates)
    weights = roots * np.linalg.solve(inner, roots * (seen * variances + predicted * simulated.with_truth))
    scale = float(shares @ variances) / float(shares @ covariance @ weights)
    truth: Array = scale * (flat @ weights).reshape(rows, columns)
    return truth


def _variances(centred: Array) -> Array:
    found: Array = np.mean(np.sum(centred**2, axis=2), axis=0)
    return found


def _bounded(truth: Array, total: float | None) -> Array:
    """No truth varies more than the labels do."""
    explained = float(np.sum(np.var(truth, axis=0)))
    return truth if total is None or explained <= total else truth * np.sqrt(total / explained)
