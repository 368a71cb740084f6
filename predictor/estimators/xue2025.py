"""Representation gap: how much of what the strong model can fit its weak supervisor hides.

Xue, Li, Mirzasoleiman 2025, "Representations Shape Weak-to-Strong Generalization", arXiv:2502.00620.
With P = K(K + β I)⁻¹ on the principal part of each model's kernel, PredGap ≈ ‖P_s(I − P_w) y‖² / n (Theorem 3.8);
without labels, the norms of P_s(I − P_w). Everything runs through C = U_sᵀU_w, (r_s, r_w); no n × n matrix is formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.case import Case
from predictor.estimators.protocol import Evidence
from predictor.result import Better, Estimate
from predictor.spectra import PrincipalKernel, overlap

Array = NDArray[np.float64]
Form = Literal["operator", "frobenius", "prior"]

ENERGIES = (0.9, 0.95, 0.99)
"""Shares of energy kept as the principal part; the middle one is the headline value."""

RIDGES = (1e-3, 1e-2, 1e-1)
"""β as a share of tr K; the middle one is the headline value."""

SATURATED = 0.99


@dataclass(frozen=True, eq=False)
class Alignment:
    """A strong and a weak kernel on the same rows with C = U_sᵀU_w, built once and asked for many ridges.

    Attributes:
        strong, weak: principal kernels.
        cosines: (r_s, r_w) C.
    """

    strong: PrincipalKernel
    weak: PrincipalKernel
    cosines: Array

    @classmethod
    def of(cls, strong: PrincipalKernel, weak: PrincipalKernel) -> Alignment:
        """Align two kernels in O(n r_s r_w).

        Raises:
            InputError: the kernels stand on different numbers of rows.
        """
        return cls(strong, weak, overlap(strong, weak))

    def keep(self, energy: float) -> Alignment:
        """Both kernels cut to the given share of their energy."""
        strong, weak = self.strong.keep(energy), self.weak.keep(energy)
        return Alignment(strong, weak, self.cosines[: strong.rank, : weak.rank])

    def gap_matrix(self, ridge: float) -> Array:
        """G = D_s [I − C(2D_w − D_w²)Cᵀ] D_s, (r_s, r_s), with U_s G U_sᵀ = P_s (I − P_w)² P_s.

        Args:
            ridge: > 0, β as a share of each trace.
        """
        ability, fit = self.strong.shrinkage(ridge), self.weak.shrinkage(ridge)
        seen = (self.cosines * (2.0 * fit - fit**2)) @ self.cosines.T
        gap: Array = ability[:, None] * (np.eye(self.strong.rank) - seen) * ability
        return gap

    def operator_gap(self, ridge: float) -> float:
        """‖P_s(I − P_w)‖_op in [0, 1]: the worst case over labels of unit energy. Lower is better."""
        return float(np.sqrt(max(np.linalg.eigvalsh(self.gap_matrix(ridge))[-1], 0.0)))

    def frobenius_gap(self, ridge: float) -> float:
        """‖P_s(I − P_w)‖²_F / ‖P_s‖²_F in [0, 1]: the mean over labels spread evenly over the strong range."""
        ability, fit = self.strong.shrinkage(ridge), self.weak.shrinkage(ridge)
        seen = np.sum((ability[:, None] * self.cosines) ** 2 * (2.0 * fit - fit**2))
        return float(1.0 - seen / np.sum(ability**2))

    def prior_gap(self, ridge: float) -> float:
        """E‖P_s(I − P_w) y‖² / E‖P_s y‖² for y ~ N(0, K_s), in [0, 1]. Lower is better.

        tr(B Λ_s Bᵀ) / Σ λ_s D_s² with B = D_s(I − C D_w Cᵀ).
        """
        ability, fit = self.strong.shrinkage(ridge), self.weak.shrinkage(ridge)
        hidden = np.eye(self.strong.rank) - (self.cosines * fit) @ self.cosines.T
        energy = np.sum((ability[:, None] * hidden) ** 2 * self.strong.values)
        return float(energy / np.sum(self.strong.values * ability**2))


def prediction_gap(strong: PrincipalKernel, weak: PrincipalKernel, labels: Array, ridge: float) -> float:
    """‖P_s(I − P_w) y‖² / n for given labels or cross-fitted pseudo-labels.

    Args:
        labels: (n,) or (n, k), zero mean per column.

    Returns:
        PredGap in squared label units, summed over columns; 0 means nothing is hidden; lower is better.

    Source: Xue et al. 2025, arXiv:2502.00620, Theorem 3.8.
    """
    missed = labels - weak.smooth(labels, ridge)
    return float(np.sum(strong.smooth(missed, ridge) ** 2) / len(labels))


FORMS = {"operator": Alignment.operator_gap, "frobenius": Alignment.frobenius_gap, "prior": Alignment.prior_gap}


@dataclass(frozen=True)
class RepresentationGap:
    """The label-free norm of P_s(I − P_w) in one of its three forms, over the grid of truncations and ridges."""

    form: Form = "operator"
    better: Better = "lower"
    unit: str = "share of label norm"
    evidence: Evidence = Evidence.representations
    source: str = "Xue et al. 2025, arXiv:2502.00620, Theorem 3.8"

    @property
    def name(self) -> str:
        """`representation_gap`, with the form's name behind it for the other two."""
        return "representation_gap" if self.form == "operator" else f"representation_gap_{self.form}"

    @property
    def summary(self) -> str:
        """What the form averages over."""
        return {
            "operator": "Worst-case share of a label's norm that the strong model could fit and the weak one hides; "
            "assumes linear heads on frozen features.",
            "frobenius": "The same on average over labels drawn evenly from what the strong model can fit.",
            "prior": "The same on average over labels drawn from the strong model's own kernel.",
        }[self.form]

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Headline at the grid's centre; low and high are the extremes over the grid, each point in `details`."""
        norm = FORMS[self.form]
        answers = []
        for candidate in case.weak:
            alignment = Alignment.of(case.strong.kernel, candidate.kernel)
            cut = {energy: alignment.keep(energy) for energy in ENERGIES}
            grid = {
                f"energy={energy:g},ridge={ridge:g}": norm(cut[energy], ridge)
                for energy, ridge in product(ENERGIES, RIDGES)
            }
            headline = grid[f"energy={ENERGIES[1]:g},ridge={RIDGES[1]:g}"]
            answers.append(
                Estimate(
                    value=headline,
                    better=self.better,
                    unit=self.unit,
                    low=min(grid.values()),
                    high=max(grid.values()),
                    note="saturated: too close to 1 to tell candidates apart" if headline > SATURATED else "",
                    details=grid,
                )
            )
        return tuple(answers)
