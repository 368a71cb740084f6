"""Error floor: a student cannot be arbitrarily better than its teacher.

Medvedev et al. 2025, "Weak-to-Strong Generalization Even in Random Feature Networks, Provably", arXiv:2503.02877: the
student's error approaches zero only if the teacher's does, for arbitrary feature spaces and a broad class of learning
rules (their abstract). Both formulas below are derived here, none is quoted from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.supervision import cross_fitted
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array

FOLDS = 5


def shrinkage_floor(energy: float, alignment: float) -> float:
    """Least error of a student f_sw = S f_w with S symmetric, 0 ⪯ S ⪯ I (ridge, early stopping, projection).

    f_sw is then in the ball with diameter [0, f_w], whose distance from the truth y, E y² = 1, is
    √(1 − ⟨f_w, y⟩ + ‖f_w‖²/4) − ‖f_w‖/2, or 0 where y is inside.

    Args:
        energy: ‖f_w‖² = E f_w² ≥ 0 in label variances, centred.
        alignment: ⟨f_w, y⟩ = E f_w y, in label variances, centred.

    Returns:
        Floor of Err_w2s in label variances.
    """
    centre = max(1.0 - alignment + energy / 4.0, 0.0)
    return max(float(np.sqrt(centre) - np.sqrt(energy) / 2.0), 0.0) ** 2


def quadratic_floor(weak_error: float) -> float:
    """(1 + L − √((1 + 3L)(1 − L)))/2 ≥ ¾ L²: `shrinkage_floor` of a teacher of error L and any energy.

    The teacher is to be a projection or a shrinkage of the truth, ‖f_w‖² ≤ ⟨f_w, y⟩; the floor is then lowest at
    ‖f_w‖² = 1 − L. It is ¾ L² at L = ⅔ and L² in the limits 0 and 1.

    Args:
        weak_error: L = E (f_w − y)² in label variances, all centred; such a teacher has L in [0, 1], and what lies
            outside is cut.
    """
    missed = min(max(weak_error, 0.0), 1.0)
    return (1.0 + missed - float(np.sqrt((1.0 + 3.0 * missed) * (1.0 - missed)))) / 2.0


@dataclass(frozen=True)
class ErrorFloor:
    """`shrinkage_floor` at the weak head's held-out energy and alignment on the gold rows."""

    name: str = "error_floor"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.few_labels
    predicts: Predicts = "nothing"
    source: str = "derived here; that a student's limits follow its teacher's: Medvedev et al. 2025, arXiv:2503.02877"
    summary: str = (
        "Least Err_w2s that a student reaches by shrinking this teacher's labels, however many rows it sees: a check "
        "on predictions below it, not a prediction, and no limit to a student that knows the truth elsewhere "
        "than from its teacher."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Floor per candidate; details: `weak_error`, and `quadratic_floor` where its assumption holds."""
        labels = case.labels
        if labels is None:
            return tuple(
                Estimate(None, self.better, self.unit, note="needs gold labels of some rows: --labels FILE")
                for _ in case.weak
            )
        gold = labels.targets[labels.known]
        answers = []
        for candidate in case.weak:
            if candidate.name in case.weak_labels:
                answers.append(
                    Estimate(
                        None,
                        self.better,
                        self.unit,
                        note="given weak labels may know the gold rows: leave them out to train heads on --labels",
                    )
                )
                continue
            guessed = cross_fitted(
                candidate.features[labels.known], gold, FOLDS, case.rng(self.name), case.training.squared.weak_ridge
            )
            answers.append(self._of(guessed, gold))
        return tuple(answers)

    def _of(self, guessed: Array, gold: Array) -> Estimate:
        truth, teacher = gold - gold.mean(axis=0), guessed - guessed.mean(axis=0)
        variance = float(np.sum(truth**2))
        error = float(np.sum((teacher - truth) ** 2)) / variance
        energy, alignment = float(np.sum(teacher**2)) / variance, float(np.sum(teacher * truth)) / variance
        details = {"weak_error": error}
        if energy <= alignment:
            details["quadratic_floor"] = quadratic_floor(error)
        return Estimate(shrinkage_floor(energy, alignment), self.better, self.unit, details=details)
