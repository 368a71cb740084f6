"""One Gaussian-process model of the labels, for whatever evidence there is.

    y = T + ε,    T_c = Φ_c θ + g_c,    θ ~ N(θ₀, Λ),    g_c ~ N(0, τ² K),    ε ~ N(0, σ²)

for each label column c. Φ and the prior of θ are a `Basis`: parts of the voters' consensus, and every voter by itself.
Coefficients are shared by the columns. Labels have unit variance in all, or one of several: what the consensus leaves
is noise, smooth or the voters' own in the shares of a grid, for several kernels K and several bases. Grid points weigh
alike without gold labels, and by their marginal likelihood with them.

Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", section 2.7 (explicit basis functions).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array
from predictor.truth.basis import Basis

Rows = NDArray[np.intp]

NOISES = (0.05, 0.2, 0.4, 0.7, 0.9)
"""Shares of noise in what the consensus leaves of the label variance."""

TRUSTED = (0.2, 1.0)
"""Shares of what the consensus explains that it is tried to explain with gold labels: voters may be wrong."""

OWN = (0.05, 0.3)
"""Shares of the voters' own corrections in what is not noise of that, with gold labels."""

DOUBT = 0.2
"""Standard deviation of all voters' own coefficients together without gold labels: calibration is assumed."""

NEGLIGIBLE = 1e-3
"""Grid points of less weight are left out."""


@dataclass(frozen=True)
class Hypothesis:
    """One grid point; τ² (`smooth`), σ² (`noise`) and the variance of all voters' steps (`own`) are per column.

    `total` is the label variance, summed over columns.
    """

    basis: int
    kernel: int
    smooth: float
    noise: float
    own: float
    total: float = 1.0


@dataclass(frozen=True, eq=False)
class LabelModel:
    """The prior over the labels of n rows.

    Attributes:
        kernels: (n, n) each, centred, mean diagonal 1.
        bases: of the linear part, at least one; each as plausible as the others.
        totals: label variances, each as plausible as the others; 1 where the unit of labels is known.
    """

    kernels: tuple[Array, ...]
    bases: tuple[Basis, ...]
    totals: tuple[float, ...] = (1.0,)

    @classmethod
    def of(cls, kernels: tuple[Array, ...], *bases: Basis) -> LabelModel:
        """Bound every consensus."""
        return cls(kernels, tuple(one.bounded() for one in bases))

    @classmethod
    def without_unit(cls, kernels: tuple[Array, ...], *bases: Basis) -> LabelModel:
        """Of numbers whose variance nobody knows: the consensus explains any share of it."""
        model = cls(kernels, bases)
        return replace(model, totals=tuple(model.explained / (1.0 - noise) for noise in NOISES))

    @property
    def columns(self) -> int:
        """k."""
        return int(self.bases[0].voters.shape[2])

    @property
    def explained(self) -> float:
        """Variance of a consensus, summed over columns, mean over bases."""
        return float(np.mean([one.explained for one in self.bases]))

    @property
    def linear(self) -> bool:
        """Whether any basis moves the expected labels or is uncertain of them."""
        return any(one.parts.shape[1] + one.voters.shape[1] for one in self.bases)

    def grid(self, *, gold: bool = False) -> tuple[Hypothesis, ...]:
        """Every basis and kernel with every total and share of noise.

        Args:
            gold: labels are there to learn from: how far the consensus and single voters can be trusted is on the grid.
        """
        found, shares = [], TRUSTED if gold and self.explained > 0.0 else (1.0,)
        places = product(range(len(self.bases)), range(len(self.kernels)), self.totals, shares, NOISES)
        for basis, kernel, total, share, noise in places:
            left = (total - share * self.explained) / self.columns
            smooth, one = left * (1.0 - noise), self.bases[basis]
            doubted = DOUBT**2 * one.scatter / max(one.voters.shape[1], 1)
            calibration = min(doubted / self.columns, max(OWN) * smooth)
            steps = [part * smooth for part in OWN] if gold else [calibration]
            for own in steps if one.voters.shape[1] else [0.0]:
                found.append(Hypothesis(basis, kernel, smooth - own, left * noise, own, total))
        return tuple(found)

    def prior_mean(self, at: Hypothesis) -> Array:
        """(n, k) expected truth before gold labels."""
        return self.bases[at.basis].consensus

    def directions(self, at: Hypothesis) -> Array:
        """(n, p + q, k) Φ Λ^½: what a standard normal step of each coefficient adds to the truth."""
        return self.bases[at.basis].directions(at.own)
