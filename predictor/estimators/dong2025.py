"""Intrinsic-dimension discrepancy: how much of the weak head's variance the student inherits.

Dong, Li, Li, Lee, Lei 2025, "Discrepancies are Virtue: Weak-to-Strong Generalization through Lens of Intrinsic
Dimension", arXiv:2502.05075. In ridgeless regression on low-dimensional subspaces V_s, V_w, the weak teacher's variance
is inherited in V_s ∩ V_w and reduced by dim(V_s)/N in V_w ∖ V_s, N the number of pseudo-labels (their abstract).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.xue2025 import ENERGIES
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.spectral.alignment import Alignment


@dataclass(frozen=True)
class Dimensions:
    """Intrinsic dimensions of a pair of models.

    Attributes:
        weak, strong: d_w, d_s, directions in each principal part.
        shared: d_sw = ‖U_sᵀ U_w‖²_F in [0, min(d_w, d_s)], the dimension of the overlap counted in fractions.
    """

    weak: int
    strong: int
    shared: float

    @classmethod
    def of(cls, pair: Alignment) -> Dimensions:
        """Count directions and overlap of two kernels, already cut to their principal parts."""
        return cls(pair.weak.rank, pair.strong.rank, pair.shared_dimension)

    def inherited(self, pseudo_labels: int) -> float:
        """d_sw + (d_s/N)(d_w − d_sw): dimensions' worth of weak variance that reach the student. Lower is better.

        Args:
            pseudo_labels: N ≥ 1, rows that the weak model labels for the student. Ridgeless regression on N ≤ d_s rows
                copies its labels, so that d_s/N is cut at 1.
        """
        passed = min(self.strong / pseudo_labels, 1.0)
        return self.shared + passed * (self.weak - self.shared)

    def ratio(self, pseudo_labels: int) -> float:
        """Student's variance over the weak head's, in (0, 1]; lower promises more gain."""
        return self.inherited(pseudo_labels) / self.weak


@dataclass(frozen=True)
class IntrinsicDimensionDiscrepancy:
    """[d_sw + (d_s/N)(d_w − d_sw)] / d_w over several truncations; N = rows without a gold label."""

    name: str = "intrinsic_dimension_discrepancy"
    better: Better = "lower"
    unit: str = "share of weak variance"
    evidence: Evidence = Evidence.representations
    predicts: Predicts = "gain"
    source: str = "Dong et al. 2025, arXiv:2502.05075, abstract; overlap as ‖U_sᵀU_w‖²_F is our reading"
    summary: str = (
        "Share of the weak head's variance that the student inherits under ridgeless regression, both models having "
        "the truth: lower promises gain, not a lower error; the models' subspaces are those of principal directions."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Headline at the middle truncation; low and high are the extremes over all of them.

        Details: `weak_dimension`, `strong_dimension`, `shared_dimension`, `inherited_dimension` (for which the weak
        heads' label noise over their number of gold rows is the unit; the part of Err_w2s that is variance).
        """
        pseudo_labels = case.rows if case.labels is None else int(np.sum(~case.labels.known))
        answers = []
        for candidate in case.weak:
            pair = candidate.alignment(case.strong)
            found = {e: Dimensions.of(pair.truncate(e)) for e in ENERGIES}
            ratios = {e: dims.ratio(max(pseudo_labels, 1)) for e, dims in found.items()}
            middle = found[ENERGIES[1]]
            answers.append(
                Estimate(
                    ratios[ENERGIES[1]],
                    self.better,
                    self.unit,
                    min(ratios.values()),
                    max(ratios.values()),
                    note="the student has no more rows than dimensions, so nothing is reduced"
                    if middle.strong >= pseudo_labels
                    else "",
                    details={
                        "weak_dimension": float(middle.weak),
                        "strong_dimension": float(middle.strong),
                        "shared_dimension": middle.shared,
                        "inherited_dimension": middle.inherited(max(pseudo_labels, 1)),
                    }
                    | {f"energy={e:g}": ratio for e, ratio in ratios.items()},
                )
            )
        return tuple(answers)
