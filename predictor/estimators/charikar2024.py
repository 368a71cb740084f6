"""Misfit: the part of the weak labels that the strong head refuses.

Charikar, Pabbaraju, Shiragur 2024, "Quantifying the Gain in Weak-to-Strong Generalization", arXiv:2405.15116: where the
student is the projection of the weak labels on a convex class that holds the truth, Err_w2s ≤ Err_w − misfit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.case import Case
from predictor.estimators.protocol import Evidence
from predictor.estimators.supervision import cross_taught, supervise
from predictor.result import Better, Estimate

FOLDS = 5


@dataclass(frozen=True)
class Misfit:
    """Held-out mean squared distance between the student and the weak labels it was taught, ridge heads."""

    name: str = "misfit"
    better: Better = "higher"
    unit: str = "label variance"
    evidence: Evidence = Evidence.weak_labels
    source: str = "Charikar et al. 2024, arXiv:2405.15116, Theorem 1"
    summary: str = (
        "Part of the weak labels that the strong head refuses on held-out rows; equals the gain only for a convex "
        "strong class that holds the truth, which ridge heads do not guarantee."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Over the label variance where gold labels exist, else over the candidate's own weak-label variance."""
        rng = case.rng(self.name)
        supervision = supervise(case, rng)
        strong = case.strong.features[supervision.rows]
        answers = []
        for taught in supervision.predictions:
            if taught is None:
                answers.append(
                    Estimate(None, self.better, self.unit, note="needs --weak-labels for this candidate, or --labels")
                )
                continue
            if case.labels is None:
                variance, unit = float(np.sum(np.var(taught, axis=0))), "weak-label variance"
            else:
                gold = case.labels.targets[case.labels.known]
                variance, unit = float(np.sum(np.var(gold, axis=0))), self.unit
            if variance <= 0.0:
                answers.append(Estimate(None, self.better, unit, note="the weak labels are constant"))
                continue
            learned = cross_taught(strong, taught, FOLDS, case.rng(self.name))
            distance = np.sum((learned - taught) ** 2, axis=1) / variance
            spread = 1.645 * float(np.std(distance)) / np.sqrt(len(distance))
            value = float(np.mean(distance))
            answers.append(Estimate(value, self.better, unit, max(value - spread, 0.0), value + spread))
        return tuple(answers)
