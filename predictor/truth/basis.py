"""Basis: one way in which voters may go with the labels, as a prior of linear coefficients.

The truth's linear part is Σ_p κ_p m_p + Σ_j δ_j v_j with parts m of a consensus, κ_p ~ N(mean, sd²),
and every voter v by itself, δ_j ~ N(0, s² / Σ var v): what the consensus has wrong about it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from predictor.statistics.arrays import Array
from predictor.statistics.once import once

WHOLE = (1.0, 0.4)
"""Mean and standard deviation of κ of a consensus that is not taken apart."""

CALIBRATED = (1.0, 0.2)
"""The same of numbers whose variance nobody knows: how much of it the consensus explains is open beside that."""

FITTED = (1.0, 0.6)
"""The same of the part of a consensus that a student learns from it: errors of its own it has averaged out."""

REST = (0.5, 0.4)
"""The same of what the student does not learn: what voters alone know, and their errors."""

EXPLAINED = 0.95
"""Share of the label variance that a consensus is taken to explain at most."""


@dataclass(frozen=True, eq=False)
class Basis:
    """What the labels' linear part is made of.

    Attributes:
        parts: (n, p, k) parts of the consensus; p may be 0.
        kappa: (p, 2) mean and standard deviation of each part's coefficient.
        voters: (n, q, k) centred scores in label units; q may be 0.
    """

    parts: Array
    kappa: Array
    voters: Array

    @classmethod
    def none(cls, rows: int, columns: int) -> Basis:
        """Nobody votes."""
        return cls(np.empty((rows, 0, columns)), np.empty((0, 2)), np.empty((rows, 0, columns)))

    @classmethod
    def of(cls, consensus: Array, voters: Array, kappa: tuple[float, float] = WHOLE) -> Basis:
        """A consensus (n, k) as a whole."""
        return cls(consensus[:, None], np.array([kappa]), voters)

    @classmethod
    def parted(cls, fitted: Array, rest: Array, voters: Array) -> Basis:
        """A consensus of (n, k) that a student learns and (n, k) that it does not."""
        return cls(np.stack([fitted, rest], axis=1), np.array([FITTED, REST]), voters)

    @once
    def consensus(self) -> Array:
        """(n, k) expected linear part."""
        found: Array = np.einsum("npk,p->nk", self.parts, self.kappa[:, 0])
        return found

    @once
    def explained(self) -> float:
        """Variance of the consensus, summed over columns."""
        return float(np.mean(np.sum(self.consensus**2, axis=1)))

    @once
    def scatter(self) -> float:
        """Variance of all voters together, summed over columns."""
        return float(np.sum(self.voters**2)) / len(self.voters)

    @once
    def axes(self) -> Array:
        """(n, q, k) orthogonal scores that span the voters, the same in any order of these: steps of both are alike."""
        rows, count, columns = self.voters.shape
        flat = self.voters.transpose(0, 2, 1).reshape(rows * columns, count)
        turned = flat @ np.linalg.eigh(flat.T @ flat)[1]
        heaviest = np.argmax(np.abs(turned), axis=0)
        turned *= np.sign(turned[heaviest, np.arange(count)])
        found: Array = turned.reshape(rows, columns, count).transpose(0, 2, 1)
        return found

    def bounded(self) -> Basis:
        """The same with a consensus of EXPLAINED of the label variance at most."""
        explained = self.explained
        return self if explained <= EXPLAINED else replace(self, parts=self.parts * np.sqrt(EXPLAINED / explained))

    def directions(self, own: float) -> Array:
        """(n, p + q, k): what a standard normal step of each coefficient adds to the truth.

        Args:
            own: s², variance per column of all voters' steps together.
        """
        if not self.parts.shape[1] + self.voters.shape[1]:
            return self.parts
        scatter = self.scatter
        step = float(np.sqrt(own * self.voters.shape[2] / scatter)) if scatter > 0.0 else 0.0
        found: Array = np.concatenate([self.parts * self.kappa[:, 1, None], step * self.axes], axis=1)
        return found
