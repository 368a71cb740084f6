"""Over-optimisation: where, along the strong head's ridge path, the predicted W2S error stops falling.

Yao et al. 2025, arXiv:2502.01458, warn that a student trained too far on weak labels copies its teacher. Here the path
is that of the ridge, and each student's error is taken against a posterior given the gold rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.gold_posterior import GoldPosterior, gold_posteriors
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.heads.ridge import RIDGES
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate


@dataclass(frozen=True)
class OverOptimization:
    """Predicted Err_w2s of the student at its ridge, given or by leave-one-out, minus that at the best of the path."""

    name: str = "over_optimization"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.few_labels
    predicts: Predicts = "nothing"
    source: str = "Yao et al. 2025, arXiv:2502.01458 (warning); the measure is this project's"
    summary: str = (
        "Error that another ridge than the student's own would save: than leave-one-out's, which is blind to the "
        "teacher's errors, or than the one given; under a Gaussian-process posterior of the truth given the gold "
        "rows."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; absent without gold labels.

        `details`: `ridge_best` and `ridge_student` (geometric mean over halves and columns), shares of the kernel's
        trace; predicted errors `error_best`, `error_student` and `error_least_ridge`; `loss_of_going_further`, from the
        best ridge down to the least.
        """
        found = gold_posteriors(case)
        if found is None:
            missing = Estimate(None, self.better, self.unit, note="needs gold labels of some rows: --labels FILE")
            return (missing,) * len(case.weak)
        return tuple(self._one(posterior) for posterior in found)

    def _one(self, posterior: GoldPosterior) -> Estimate:
        path = [posterior.student(float(ridge)) for ridge in RIDGES]
        errors = np.array([posterior.error(student) for student in path])
        best = int(np.argmin(errors))
        chosen = posterior.student()
        loss, spread = posterior.advantage(chosen, path[best])
        details = {
            "ridge_best": float(RIDGES[best]),
            "ridge_student": float(np.exp(np.mean(np.log(posterior.ridges())))),
            "error_best": float(errors[best]),
            "error_student": posterior.error(chosen),
            "error_least_ridge": float(errors[0]),
            "loss_of_going_further": float(errors[0] - errors[best]),
        }
        note = "the best ridge is the least tried: no sign of over-optimisation" if best == 0 else ""
        notes = "; ".join(part for part in (note, *posterior.notes) if part)
        return Estimate(loss, self.better, self.unit, loss - 1.645 * spread, loss + 1.645 * spread, notes, details)
