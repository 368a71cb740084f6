"""Voters: scores of every row that may go with the label, and the consensus that they make without gold labels.

The best linear prediction of the truth T from centred scores v_j is Σ a_j v_j with

    a  =  (Σ + ρ v̄ I)⁻¹ c,    Σ = cov(v, v) as seen,    c_j = cov(v_j, T),    v̄ = mean variance.

Without gold labels c rests on what is assumed: a calibrated weak label covaries with the truth as much as it varies
(E[y | v] = v, so c = var v), and, where labels have a known variance of 1, no more than λ_j · sd v_j, λ_j its loading
on the one factor that explains the correlations between voters. A description's or proxy's score has no unit of its
own: it is taken to correlate with T by λ_j, and by ASSUMED at most, since describers of one text share what it misses.

ρ makes weights of voters that are nearly the same alike, and the consensus too small: it is scaled such that all voters
together covary with it as much as is assumed, Σ_j cov(v_j, m) = Σ_j c_j.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array

Kind = Literal["description", "proxy", "weak"]

SHRINKAGE = 0.3
"""ρ."""

ASSUMED = 0.5
"""Correlation of a description's or proxy's score with the labels: where no other voter shows it, and at most."""

CONSTANT = 1e-18
"""Variance, as a share of the mean square, up to which a score is constant but for rounding."""

STEPS = 100
"""Of the factor's fixed-point iteration at most; loadings change by less than 1e-6 long before."""


@dataclass(frozen=True, eq=False)
class Voters:
    """Scores of n rows by m voters in k label columns.

    Attributes:
        names: of the voters, for reports.
        kinds: what each is; `weak` scores are in label units, the others in any unit.
        scores: (n, m, k).

    Raises:
        ValueError: the parts do not fit, or a score is not finite.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    scores: Array

    def __post_init__(self) -> None:
        if self.scores.ndim != 3 or not len(self.names) == len(self.kinds) == self.scores.shape[1]:
            raise ValueError(
                f"{len(self.names)} names and {len(self.kinds)} kinds with scores of shape {self.scores.shape}; give "
                "(rows, voters, columns) and one name and kind per voter"
            )
        if not np.isfinite(self.scores).all():
            raise ValueError("a voter's score is not finite; leave the row or the voter out")

    def take(self, rows: NDArray[np.integer]) -> Voters:
        """The scores of the given rows."""
        return Voters(self.names, self.kinds, self.scores[rows])

    def joined(self, other: Voters) -> Voters:
        """These voters followed by others of the same rows and columns."""
        scores = np.concatenate([self.scores, other.scores], axis=1)
        return Voters(self.names + other.names, self.kinds + other.kinds, scores)

    def distinct(self) -> Voters:
        """Each voter once: one that repeats another's scores exactly is no further evidence."""
        first = {self.scores[:, j].tobytes(): j for j in reversed(range(len(self.names)))}
        return self.only(sorted(first.values()))

    def only(self, places: Sequence[int]) -> Voters:
        """The voters at the given places."""
        chosen = list(places)
        names, kinds = tuple(self.names[j] for j in chosen), tuple(self.kinds[j] for j in chosen)
        return Voters(names, kinds, self.scores[:, chosen])

    def in_label_units(self) -> Voters:
        """Centred, constant voters left out; scores without a unit get variance ASSUMED², as if calibrated.

        The label variance, summed over columns, is 1.
        """
        centred = self.scores - self.scores.mean(axis=0)
        variances = variances_of(centred)
        size = np.mean(np.sum(self.scores**2, axis=2), axis=0)
        varies = np.flatnonzero(variances > CONSTANT * size)
        free = np.array([kind != "weak" for kind in self.kinds], dtype=bool)
        factors = np.ones(len(variances))
        factors[free & (variances > 0.0)] = ASSUMED / np.sqrt(variances[free & (variances > 0.0)])
        return Voters(self.names, self.kinds, centred * factors[:, None]).only(varies.tolist())


@dataclass(frozen=True, eq=False)
class Consensus:
    """What voters make of the truth without gold labels, label variance 1.

    Attributes:
        mean: (n, k) Σ a_j v_j.
        weights: (m,) a.
        reliability: (m,) c_j / sd v_j, the correlation of each voter with the labels that is assumed; λ_j at most.
        covariance: Σ_j c_j.
    """

    mean: Array
    weights: Array
    reliability: Array
    covariance: float


def consensus(voters: Voters, *, unit: bool = True) -> Consensus:
    """Consensus of voters in label units (see `Voters.in_label_units`), at least one.

    Args:
        unit: labels have variance 1; False where their variance is a guess.
    """
    flat = voters.scores.transpose(0, 2, 1).reshape(-1, len(voters.names))
    among = flat.T @ flat / len(voters.scores)
    variances = np.diag(among)
    deviations = np.sqrt(variances)
    weak = np.array([kind == "weak" for kind in voters.kinds], dtype=bool)
    loading = one_factor(among / np.outer(deviations, deviations))
    calibrated = np.minimum(variances, loading * deviations) if unit else variances
    with_truth = np.where(weak, calibrated, np.minimum(ASSUMED, loading) * deviations)
    ridge = SHRINKAGE * float(variances.mean())
    solved = np.linalg.solve(among + ridge * np.eye(len(variances)), with_truth)
    weights = np.asarray(solved, dtype=np.float64)
    mean: Array = voters.scores.transpose(0, 2, 1) @ weights
    reliability = np.minimum(with_truth / deviations, loading)
    return Consensus(mean, weights, reliability, float(with_truth.sum()))


def scaled(mean: Array, voters: Voters, covariance: float) -> Array:
    """(n, k) a consensus such that its covariances with the voters add up to `covariance`."""
    found = float(np.einsum("nk,nmk->", mean, voters.scores)) / len(mean)
    return mean * (covariance / found) if found > 0.0 else mean


def one_factor(correlation: Array) -> Array:
    """(m,) loadings λ in [0, 1] with R_ij ≈ λ_i λ_j off the diagonal; of fewer than three voters √ of what they share.

    Negative correlations count as none: voters that contradict each other show of neither that it is right.

    Principal factor analysis: the diagonal is replaced by λ² until it converges. One voter alone is given 1.

    Source: Harman 1976, "Modern Factor Analysis", section 8.
    """
    voters = len(correlation)
    if voters == 1:
        return np.ones(1)
    reduced = np.maximum(correlation, 0.0)
    loading: Array = np.sqrt(np.clip(np.max(correlation - 2.0 * np.eye(voters), axis=1), 0.0, 1.0))
    for _ in range(STEPS):
        np.fill_diagonal(reduced, loading**2)
        values, vectors = np.linalg.eigh(reduced)
        leading = vectors[:, -1] * np.sign(vectors[:, -1].sum() or 1.0)
        found = np.clip(np.sqrt(max(float(values[-1]), 0.0)) * leading, 0.0, 1.0)
        moved = float(np.max(np.abs(found - loading)))
        loading = found
        if moved < 1e-6:
            break
    return loading


def variances_of(centred: Array) -> Array:
    """(m,) variance of each voter of centred (n, m, k) scores, summed over columns."""
    found: Array = np.mean(np.sum(centred**2, axis=2), axis=0)
    return found
