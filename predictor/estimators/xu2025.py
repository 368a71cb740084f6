"""Ambiguity: how much a weak head owes to which gold rows it happened to see.

Xu, Yao, Wang, Liu 2025, "On the Emergence of Weak-to-Strong Generalization: A Bias-Variance Perspective",
arXiv:2505.24313: the expected gap in risk between student and teacher is their expected misfit, and gain is likelier
when the student approximates its posterior mean teacher rather than one teacher (their abstract). For squared loss and
a student equal to the mean teacher f̄ the gap is E (f − f̄)², the teacher's variance: Krogh, Vedelsby 1995, NIPS 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.supervision import unlabelled_rows
from predictor.heads.ridge import FactoredRidge
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array


def resampled(head: FactoredRidge, labels: Array, ridge: Array, counts: Array) -> Array:
    """(m, k) predictions of the head trained on its rows taken `counts` times each.

    Weighted ridge regression with intercept in the head's own directions; scale and penalty stay those of all rows.

    Args:
        labels: (n, k).
        ridge: (k,) shares of tr K.
        counts: (n,) ≥ 0, Σ = n; all ones give `head.predict`.
    """
    spread = np.sqrt(head.rows * head.values)
    seen, unseen = head.left * spread, head.transfer * spread
    share = counts / counts.sum()
    centre, mean = share @ seen, share @ labels
    weighted = (seen - centre) * share[:, None]
    gram, target = weighted.T @ (seen - centre), weighted.T @ (labels - mean)
    predictions = np.empty((len(unseen), labels.shape[1]))
    for one in np.unique(ridge):
        columns = ridge == one
        slope = np.linalg.solve(gram + one * np.eye(len(gram)), target[:, columns])
        predictions[:, columns] = mean[columns] + (unseen - centre) @ slope
    return predictions


@dataclass(frozen=True)
class Ambiguity:
    """Variance of the weak labels over bootstraps of D~, in units of the gold labels' variance.

    Attributes:
        resamples: bootstraps of the gold rows, each with its own head at one ridge: given, or by leave-one-out on all.
    """

    resamples: int = 12

    name: str = "ambiguity"
    better: Better = "higher"
    unit: str = "label variance"
    evidence: Evidence = Evidence.few_labels
    predicts: Predicts = "gain"
    source: str = "Xu et al. 2025, arXiv:2505.24313; Krogh, Vedelsby 1995, NIPS 7"
    summary: str = (
        "Gain to expect if the student ended at the mean of all weak heads that other draws of the same number of gold "
        "rows would have given: squared loss, ridge heads; a student that copies its one teacher gains none of it."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Bootstrap variance summed over columns, mean over unlabelled rows, with its 90 % range over single heads."""
        labels = case.labels
        if labels is None:
            return tuple(
                self._absent("needs gold labels of the weak heads' training rows: --labels FILE") for _ in case.weak
            )
        rows = unlabelled_rows(case)
        known = labels.known
        gold = labels.targets[known]
        variance = float(np.sum(np.var(gold, axis=0)))
        rng = case.rng(self.name)
        drawn = rng.multinomial(len(gold), np.full(len(gold), 1.0 / len(gold)), self.resamples).astype(np.float64)
        answers = []
        for candidate in case.weak:
            if candidate.name in case.weak_labels:
                answers.append(
                    self._absent("given weak labels are of one head: leave them out to train heads on --labels")
                )
                continue
            head = FactoredRidge.of(candidate.features[known], candidate.features[rows])
            own = case.training.squared.weak_ridge
            ridge = head.loo_ridge(gold) if own is None else np.full(gold.shape[1], own)
            heads = np.stack([resampled(head, gold, ridge, counts) for counts in drawn])
            answers.append(self._of(heads / np.sqrt(variance)))
        return tuple(answers)

    def _of(self, heads: Array) -> Estimate:
        value = float(np.mean(np.sum(np.var(heads, axis=0, ddof=1), axis=1)))
        apart = np.mean(np.sum((heads - heads.mean(axis=0)) ** 2, axis=2), axis=1) * len(heads) / (len(heads) - 1)
        low, high = np.quantile(apart, [0.05, 0.95])
        return Estimate(value, self.better, self.unit, float(low), float(high))

    def _absent(self, why: str) -> Estimate:
        return Estimate(None, self.better, self.unit, note=why)
