"""One Gaussian-process model of the labels, for any evidence.

    y = T + ε,    T_c = Φ_c θ + g_c,    θ ~ N(θ₀, Λ),    g_c ~ N(0, τ² K),    ε ~ N(0, σ²)

for each label column c. Φ has the parts of the voters' consensus (θ = κ (1 ± CONSENSUS_SD)) and every voter by itself
(θ = 0, of variance s² / Σ var v: what the consensus has wrong about it). Coefficients are shared by the columns. Labels
have unit variance in all: what κ times the consensus leaves is noise, smooth or the voters' own in the shares of a
grid, for several kernels K. Grid points weigh alike without gold labels, where κ is 1, and by their marginal likelihood
with them.

Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", section 2.7 (explicit basis functions).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array

Rows = NDArray[np.intp]

NOISES = (0.05, 0.2, 0.4, 0.7, 0.9)
"""Shares of noise in what the consensus leaves of the label variance."""

OWN = (0.05, 0.3)
"""Shares of the voters' own corrections in what is not noise of that."""

SCALES = (0.3, 0.6, 1.0)
"""κ tried with gold labels: teachers may be over-confident."""

CONSENSUS_SD = 0.4
"""Standard deviation of the coefficients of the consensus' parts, as a share of κ."""

EXPLAINED = 0.95
"""Share of the label variance that a consensus is taken to explain at most."""

NEGLIGIBLE = 1e-3
"""Grid points of less weight are left out."""


@dataclass(frozen=True)
class Hypothesis:
    """One grid point; τ² (`smooth`), σ² (`noise`) and the variance of all voters' steps (`own`) are per column."""

    kernel: int
    scale: float
    smooth: float
    noise: float
    own: float


@dataclass(frozen=True, eq=False)
class LabelModel:
    """The prior over the labels of n rows.

    Attributes:
        kernels: (n, n) each, centred, mean diagonal 1.
        parts: (n, p, k) parts of the consensus, whose sum over p is the expected truth; p may be 0.
        voters: (n, q, k) centred scores in label units; q may be 0.
    """

    kernels: tuple[Array, ...]
    parts: Array
    voters: Array

    @classmethod
    def of(cls, kernels: tuple[Array, ...], parts: Array, voters: Array) -> LabelModel:
        """Bound the consensus to EXPLAINED of the label variance."""
        explained = float(np.mean(np.sum(parts.sum(axis=1) ** 2, axis=1)))
        factor = np.sqrt(EXPLAINED / explained) if explained > EXPLAINED else 1.0
        return cls(kernels, parts * factor, voters)

    @property
    def columns(self) -> int:
        """k."""
        return int(self.parts.shape[2])

    @property
    def explained(self) -> float:
        """Variance of the consensus, summed over columns."""
        return float(np.mean(np.sum(self.parts.sum(axis=1) ** 2, axis=1)))

    def grid(self, scales: tuple[float, ...] = (1.0,)) -> tuple[Hypothesis, ...]:
        """Every kernel with every share of noise and, where there are voters, of their own corrections and κ."""
        owns = OWN if self.voters.shape[1] else (0.0,)
        scaled = scales if self.explained > 0.0 else (1.0,)
        found = []
        for kernel, scale, noise, own in product(range(len(self.kernels)), scaled, NOISES, owns):
            left = (1.0 - scale**2 * self.explained) / self.columns
            smooth = left * (1.0 - noise)
            found.append(Hypothesis(kernel, scale, smooth * (1.0 - own), left * noise, smooth * own))
        return tuple(found)

    def prior_mean(self, at: Hypothesis) -> Array:
        """(n, k) expected truth before gold labels."""
        found: Array = at.scale * self.parts.sum(axis=1)
        return found

    def start(self, at: Hypothesis) -> Array:
        """(p + q,) θ₀."""
        return np.concatenate([np.full(self.parts.shape[1], at.scale), np.zeros(self.voters.shape[1])])

    def steps(self, at: Hypothesis) -> Array:
        """(p + q,) standard deviations of θ."""
        scatter = float(np.sum(self.voters**2)) / len(self.voters)
        own = float(np.sqrt(at.own * self.columns / scatter)) if scatter > 0.0 else 0.0
        return np.concatenate(
            [np.full(self.parts.shape[1], at.scale * CONSENSUS_SD), np.full(self.voters.shape[1], own)]
        )

    def directions(self, at: Hypothesis) -> Array:
        """(n, p + q, k) Φ Λ^½: what a standard normal step of each coefficient adds to the truth."""
        found: Array = np.concatenate([self.parts, self.voters], axis=1) * self.steps(at)[:, None]
        return found
