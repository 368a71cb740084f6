"""Past tasks: the standing of candidates on a new task, from what was measured of them on other tasks.

Errors of the m candidates on past task h are centred. Their spread s_h is their own where they are in the forecast's
unit, else that which the forecast says, s_h² = var f + mean V; z_h are errors in units of s_h. A candidate's standing
on the new task is u + e, on a past task u + e_h, in units of s, s² the weighted mean of s_h²:

    u ~ N(0, ρ),    e, e_h ~ N(0, 1 − ρ),    û = ρ Σ_h w_h z_h / (ρ Σ_h w_h + 1 − ρ)

ρ is the mean correlation between past tasks (empirical Bayes). The weight w_h of a task is the share of its variance
that is no measurement noise, times how near it is: the mean of two correlations, at least 0, that of its order with the
forecast's and that with the other past tasks'. So tasks that agree count where the forecast contradicts them all. The
standing s û and the forecast N(f, V) rest on the same prior N(0, s²), which counts once:

    f'  =  V' (f / V + s û / U),    1 / V'  =  1 / V + 1 / U − 1 / s²,

U the variance of what s û misses. Past tasks that do not agree give ρ = 0, U = s² and f' = f.

Robinson 1991, Statistical Science 6(1) (best linear unbiased prediction of random effects).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array

MIN_CANDIDATES = 3
"""Candidates that a past task must have measured: two are in perfect or opposite order whatever they are."""

PRIOR_AGREEMENT = 0.3
"""ρ of a lone past task; it weighs as one pair of tasks among those there are."""

MAX_AGREEMENT = 0.95
"""ρ at most: of few tasks it can be 1 by chance."""

TINY = 1e-12


@dataclass(frozen=True, eq=False)
class PastTask:
    """What was measured on one task, with one student, of some of the m candidates.

    Attributes:
        name: of the task; students of one task share it.
        values: (m,) errors, lower is better, in any unit; NaN where not measured. At least MIN_CANDIDATES are, and they
            are not all equal.
        weight: share of their variance that is not measurement noise, over the number of the task's students.
        same_unit: whether they are in the forecast's unit.
    """

    name: str
    values: Array
    weight: float = 1.0
    same_unit: bool = False

    @property
    def known(self) -> NDArray[np.bool_]:
        """(m,) which candidates were measured."""
        return ~np.isnan(self.values)

    def standardised(self) -> Array:
        """(m,) with mean 0 and variance 1 over the known ones; 0 elsewhere."""
        own = self.values[self.known]
        found = np.zeros(len(self.values))
        found[self.known] = (own - own.mean()) / own.std()
        return found


@dataclass(frozen=True, eq=False)
class Standing:
    """What past tasks and a forecast together say of m candidates on a new task.

    Attributes:
        mean: (m,) f', relative to the candidates' mean.
        weight: share of the precision that past tasks give, mean over candidates, 0 to 1.
        reliability: correlation of û with the standing, mean over candidates.
        tasks: (T,) share of each past task among all; zeros where none is near.
    """

    mean: Array
    weight: float
    reliability: float
    tasks: Array


def standing(past: Sequence[PastTask], mean: Array, variance: Array) -> Standing:
    """Combine a forecast of m candidates with what was measured of them on past tasks.

    Args:
        past: at least one task.
        mean: (m,) forecast, lower is better.
        variance: (m,) of its draws relative to the candidates' mean.
    """
    centred, variance = mean - mean.mean(), np.maximum(variance, TINY)
    scores, known = np.stack([one.standardised() for one in past]), np.stack([one.known for one in past])
    weights = np.array([one.weight for one in past])
    rho, each = agreement([one.name for one in past], scores, known, weights)
    follows = [_correlation(centred[own], one[own]) for one, own in zip(scores, known, strict=True)]
    weights = weights * np.maximum((np.array(follows) + each) / 2.0, 0.0)
    spreads = np.array([_spread(one, centred, variance) for one in past])
    prior = _mean(spreads**2, weights)
    placed = np.zeros_like(scores)
    for one, own, spread, to in zip(scores, known, spreads, placed, strict=True):
        to[own] = centred[own].mean() + spread * one[own]
    count = weights @ known
    effect = rho * (weights @ placed) / (rho * count + 1.0 - rho)
    explained = rho**2 * count / (rho * count + 1.0 - rho)
    missed = prior * (1.0 - explained)
    added = 1.0 / missed - 1.0 / prior
    updated = 1.0 / (1.0 / variance + added)
    found = updated * (centred / variance + effect / missed)
    return Standing(
        found - found.mean(),
        float(np.mean(added * updated)),
        float(np.mean(np.sqrt(explained))),
        weights / max(float(weights.sum()), TINY),
    )


def agreement(names: Sequence[str], scores: Array, known: NDArray[np.bool_], weights: Array) -> tuple[float, Array]:
    """ρ: mean correlation between orders of different tasks, over pairs that share candidates; and (T,) that of each.

    Args:
        names: of the T tasks; students of one task say nothing of another task.
        scores: (T, m) standardised.
        known: (T, m).
        weights: (T,); a pair weighs as their product.
    """
    shared = known.astype(np.float64)
    both = shared @ shared.T
    held = np.where(known, scores, 0.0)
    sums, squares = held @ shared.T, held**2 @ shared.T
    covariance = both * (held @ held.T) - sums * sums.T
    spread = np.sqrt(np.maximum(both * squares - sums**2, 0.0))
    varies = spread * spread.T > TINY
    correlation = np.where(varies, covariance / np.where(varies, spread * spread.T, 1.0), 0.0)
    places = np.unique(names, return_inverse=True)[1]
    counts = (places[:, None] != places) & (both >= MIN_CANDIDATES)
    pairs = np.outer(weights, weights) * counts
    total, size = (pairs * correlation).sum(axis=1), pairs.sum(axis=1)
    rho = float((PRIOR_AGREEMENT + total.sum() / 2.0) / (1.0 + size.sum() / 2.0))
    each = (PRIOR_AGREEMENT + total / np.maximum(weights, TINY)) / (1.0 + size / np.maximum(weights, TINY))
    return float(np.clip(rho, 0.0, MAX_AGREEMENT)), each


def _spread(past: PastTask, centred: Array, variance: Array) -> float:
    """s_h."""
    own = past.known
    return float(past.values[own].std() if past.same_unit else np.sqrt(centred[own].var() + variance[own].mean()))


def _mean(values: Array, weights: Array) -> float:
    """Weighted by how near tasks are; of all alike where none is."""
    return float(np.average(values, weights=weights if weights.sum() > 0.0 else None))


def _correlation(first: Array, second: Array) -> float:
    """Pearson's; 0 where one is constant."""
    a, b = first - first.mean(), second - second.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > TINY else 0.0
