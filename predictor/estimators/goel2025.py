"""Prediction divergence: how differently weak model and untaught strong model see the classes.

Goel et al. 2025, "Great Models Think Alike and this Undermines AI Oversight", arXiv:2502.04313: the gain of training a
strong model on a weak supervisor's annotations is higher when the two models are more different (their project page).
Their own measure, CAPA, corrects agreement for both accuracies, which needs gold labels of the rows; these two do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.charikar2024 import left_out_residuals
from predictor.estimators.hard_votes import probabilities, votes
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.supervision import supervise
from predictor.heads.ridge import FactoredRidge
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array


def jensen_shannon(left: Array, right: Array) -> Array:
    """(n,) Jensen–Shannon divergence in bits of (n, k) rows of probabilities, in [0, 1]; 0 for equal rows.

    H((p + q)/2) − (H(p) + H(q))/2 with H the entropy. Source: Lin 1991, IEEE Transactions on Information Theory 37(1).
    """
    divergence: Array = entropy((left + right) / 2.0) - (entropy(left) + entropy(right)) / 2.0
    return np.maximum(divergence, 0.0)


def entropy(rows: Array) -> Array:
    """(n,) −Σ p log₂ p of (n, k) rows of probabilities, 0 log 0 = 0."""
    logs = np.log2(rows, out=np.zeros_like(rows), where=rows > 0.0)
    total: Array = -np.sum(rows * logs, axis=1)
    return total


@dataclass(frozen=True)
class PredictionDivergence:
    """Mean Jensen–Shannon divergence of the weak labels from a strong head trained on the gold labels of D~.

    The strong model's own view of the task has to come from somewhere; where D~ is at hand a ridge head on it is the
    nearest thing to the strong model before weak supervision, so that is what is taken, and nothing else.
    """

    name: str = "prediction_divergence"
    better: Better = "higher"
    unit: str = "bits"
    evidence: Evidence = Evidence.few_labels
    predicts: Predicts = "gain"
    source: str = "Goel et al. 2025, arXiv:2502.04313 (less similar, more gain); JSD and flips replace CAPA"
    summary: str = (
        "How far the weak labels are from those of a strong head trained on the same gold labels: difference is where "
        "the student can gain, if its own view is the better one; does not show which one is right. Classes only."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Mean JSD with its 90 % interval over rows; `flip_rate`, rows with another class, in the details.

        Noted where the strong head errs no less than the weak one on gold rows left out of both, as difference then
        promises nothing: `strong_error`, `weak_error` in label variances (the latter for trained weak heads only).
        """
        labels = case.labels
        if labels is None:
            return tuple(
                self._absent("needs gold labels of some rows, for a strong head: --labels FILE") for _ in case.weak
            )
        if labels.kind == "regression":
            return tuple(self._absent("needs classes: there are no class probabilities here") for _ in case.weak)
        supervision = supervise(case, case.rng(self.name))
        head = FactoredRidge.of(case.strong.features[labels.known], case.strong.features[supervision.rows])
        gold = labels.targets[labels.known]
        own = head.predict(gold, case.training.squared.student_ridge)
        strong_error = _left_out_error(case.strong.features[labels.known], gold, case.training.squared.student_ridge)
        answers = []
        for candidate, weak in zip(case.weak, supervision.predictions, strict=True):
            errors = {"strong_error": strong_error}
            if candidate.name not in case.weak_labels:
                errors["weak_error"] = _left_out_error(
                    candidate.features[labels.known], gold, case.training.squared.weak_ridge
                )
            answers.append(self._of(weak, own, errors))
        return tuple(answers)

    def _of(self, weak: Array | None, own: Array, errors: dict[str, float]) -> Estimate:
        if weak is None:
            return self._absent("needs --weak-labels for this candidate, or --labels")
        divergence = jensen_shannon(probabilities(weak), probabilities(own))
        value = float(np.mean(divergence))
        spread = 1.645 * float(np.std(divergence)) / np.sqrt(len(divergence))
        flips = float(np.mean(votes(weak) != votes(own)))
        worse = errors["strong_error"] >= errors.get("weak_error", np.inf)
        note = "the strong head errs no less than the weak one: difference promises no gain" if worse else ""
        details = {"flip_rate": flips} | errors
        return Estimate(value, self.better, self.unit, max(value - spread, 0.0), value + spread, note, details)

    def _absent(self, why: str) -> Estimate:
        return Estimate(None, self.better, self.unit, note=why)


def _left_out_error(features: NDArray[np.floating], gold: Array, ridge: float | None) -> float:
    """Squared error of ridge heads on gold rows left out one by one, in label variances."""
    return float(np.mean(np.sum(left_out_residuals(features, gold, ridge) ** 2, axis=1)) / np.sum(np.var(gold, axis=0)))
