"""Bounds on what weak supervision can change: log-loss, accuracy and calibration of the student against its teacher.

Yao et al. 2025, arXiv:2502.01458, bound both changes by a constant times the root of a KL divergence, in either
direction. The constants and the tighter forms here are worked out in this project, not quoted. Each bound is for the
expectation over rows; the interval is that of its mean over the held-out rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.weak_probabilities import NotApplicable, WeakOutputs, weak_outputs
from predictor.heads.divergences import divergence
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array

NO_CLASSES = "its weak labels are no class probabilities, so that log-loss, accuracy and calibration do not exist"


def log_gap(weak: Array, student: Array) -> Array:
    """(n,) max_j |log p_w,j − log p_sw,j| in nats: no truth can move the log-loss of a row by more."""
    gap: Array = np.max(np.abs(np.log(weak) - np.log(student)), axis=1)
    return gap


def root_bound(divergence_mean: float, smallest: float) -> float:
    """√d / (γ √2) in nats, d a mean KL either way, γ the smallest probability of either model.

    |log a − log b| ≤ |a − b|/γ, the largest |a_j − b_j| of two distributions is at most half their L1 distance, and
    Pinsker's inequality bounds that by √(d/2); √ is concave, so that the mean may go inside.
    """
    return float(np.sqrt(divergence_mean / 2.0) / smallest)


def l1_bound(divergence_mean: float) -> float:
    """2 √(1 − exp(−d)), at most 2: bounds the mean L1 distance of two models, d a mean KL either way.

    Source: Bretagnolle, Huber 1979, Zeitschrift für Wahrscheinlichkeitstheorie 47.
    """
    return float(2.0 * np.sqrt(-np.expm1(-divergence_mean)))


@dataclass(frozen=True)
class GainBounds:
    """The most by which log-loss can change either way: E max_j |log p_w,j − log p_sw,j|, or √d/(γ√2) if tighter."""

    name: str = "gain_bounds"
    better: Better = "higher"
    unit: str = "nats"
    evidence: Evidence = Evidence.weak_labels
    predicts: Predicts = "nothing"
    source: str = "Yao et al. 2025, arXiv:2502.01458 (form); constants of this project"
    summary: str = (
        "Two-sided cap on the gain in log-loss of a logistic student, for any truth; room to gain as much as to "
        "lose, so a clip on other predictions and no prediction itself. The accuracy gain is clipped by disagreement."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """The tighter cap per candidate; both caps, the interval and the accuracy clip in `details`."""
        return tuple(self._one(outputs) for outputs in weak_outputs(case))

    def _one(self, outputs: WeakOutputs | NotApplicable) -> Estimate:
        found = _probabilities(outputs)
        if isinstance(found, str):
            return Estimate(None, self.better, self.unit, note=found)
        weak, student, notes = found
        rows = log_gap(weak, student)
        forward = float(np.mean(divergence(weak, student)))
        reverse = float(np.mean(divergence(student, weak)))
        smallest = float(min(weak.min(), student.min()))
        largest, root = float(np.mean(rows)), root_bound(min(forward, reverse), smallest)
        cap = min(largest, root)
        spread = 1.645 * float(np.std(rows)) / float(np.sqrt(len(rows)))
        details = {
            "log_loss_gain_low": -cap,
            "log_loss_gain_high": cap,
            "largest_log_ratio": largest,
            "root_of_divergence": root,
            "forward_kl": forward,
            "reverse_kl": reverse,
            "smallest_probability": smallest,
            "accuracy_gain_cap": float(np.mean(weak.argmax(axis=1) != student.argmax(axis=1))),
        }
        tighter = "tighter: largest log-ratio" if largest <= root else "tighter: root of the divergence"
        low, high = max(cap - spread, 0.0), cap + spread
        return Estimate(cap, self.better, self.unit, low, high, "; ".join((tighter, *notes)), details)


@dataclass(frozen=True)
class CalibrationBounds:
    """The most by which the L1 distance to any common target can change: 2 √(1 − exp(−d)).

    It bounds the change of smooth and of L1 calibration, and of calibration in bins that are fixed on x. It does *not*
    bound ECE or MCE, whose bins are each model's own level sets: a teacher that always predicts 0.5 is calibrated, and
    a student that predicts 0.5 ± 0.01 by the true label is 0.49 off on each class while d is nearly 0.
    """

    name: str = "calibration_bounds"
    better: Better = "lower"
    unit: str = "L1 distance of probabilities"
    evidence: Evidence = Evidence.weak_labels
    predicts: Predicts = "nothing"
    source: str = "Yao et al. 2025, arXiv:2502.01458 (form); Bretagnolle, Huber 1979"
    summary: str = (
        "Most by which a logistic student's smooth or L1 calibration, or that in bins fixed on x, can differ from its "
        "teacher's; does not bound ECE on each model's own level sets."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """The bound per candidate from the smaller KL; `details["l1_distance"]` is the tighter distance itself."""
        return tuple(self._one(outputs) for outputs in weak_outputs(case))

    def _one(self, outputs: WeakOutputs | NotApplicable) -> Estimate:
        found = _probabilities(outputs)
        if isinstance(found, str):
            return Estimate(None, self.better, self.unit, note=found)
        weak, student, notes = found
        forward, reverse = divergence(weak, student), divergence(student, weak)
        rows = forward if forward.mean() <= reverse.mean() else reverse
        mean, spread = float(np.mean(rows)), 1.645 * float(np.std(rows)) / float(np.sqrt(len(rows)))
        details = {
            "l1_distance": float(np.mean(np.sum(np.abs(weak - student), axis=1))),
            "forward_kl": float(np.mean(forward)),
            "reverse_kl": float(np.mean(reverse)),
        }
        low, high = l1_bound(max(mean - spread, 0.0)), l1_bound(mean + spread)
        return Estimate(l1_bound(mean), self.better, self.unit, low, high, "; ".join(("not for ECE", *notes)), details)


def _probabilities(outputs: WeakOutputs | NotApplicable) -> tuple[Array, Array, tuple[str, ...]] | str:
    if isinstance(outputs, NotApplicable):
        return outputs.reason
    if outputs.kind != "probabilities":
        return NO_CLASSES
    return outputs.weak, outputs.student, outputs.notes
