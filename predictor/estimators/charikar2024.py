"""Misfit: the part of the weak labels that the strong head refuses.

Charikar, Pabbaraju, Shiragur 2024, "Quantifying the Gain in Weak-to-Strong Generalization", arXiv:2405.15116: where the
student is the projection of the weak labels on a convex class that holds the truth, Err_w2s ≤ Err_w − misfit. In 0–1
loss the rows on which both agree cancel, so that the accuracies differ by no more than the share of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.hard_votes import are_classes, votes
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Predicts
from predictor.estimators.supervision import cross_fitted_by, supervise
from predictor.estimators.weak_probabilities import once_per_case
from predictor.heads.divergences import class_probabilities, divergence, floored
from predictor.heads.ridge import FactoredRidge
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array

FOLDS = 5

UNCHECKED = "whether the strong head can fit the truth cannot be checked without --labels"


@dataclass(frozen=True, eq=False)
class Refusal:
    """How far one candidate's student stays from its weak labels, and how far both heads stay from the gold ones.

    Attributes:
        unit: `label variance`, or `squared label units` where there is no gold label; of everything below. It is the
            same for all candidates: the theorem states a gain in squared label units, and a share of each candidate's
            own variance would put candidates that are sure of themselves in a wrong order.
        distance: (n,) squared distance of held-out student and weak labels.
        details: the misfit in other forms: `leave_one_out`; for classes `disagreement`, the share of rows on which the
            held-out student names another class; for class probabilities `kl` and `reverse_kl`, in nats.
        weak_loss: (l,) squared error of the weak model on the gold rows, each left out of its head; None without them.
        strong_error: mean of the same of the strong head trained on gold labels; it includes their noise.
    """

    unit: str
    distance: Array
    details: dict[str, float]
    weak_loss: Array | None
    strong_error: float | None

    @property
    def misfit(self) -> float:
        """Mean held-out distance."""
        return float(np.mean(self.distance))

    @property
    def threshold(self) -> float | None:
        """4 √(ε Err_w): a misfit below it predicts nothing (this project; ε and Err_w with the labels' noise)."""
        if self.weak_loss is None or self.strong_error is None:
            return None
        return 4.0 * float(np.sqrt(self.strong_error * np.mean(self.weak_loss)))

    @property
    def guard(self) -> str:
        """The note of a misfit too small to predict anything; empty where it may, or where this cannot be checked."""
        if self.threshold is None or self.misfit >= self.threshold:
            return ""
        return f"below {self.threshold:.3g} = 4√(strong error × weak error): predicts nothing"


@dataclass(frozen=True)
class Misfit:
    """Held-out mean squared distance between the student and the weak labels it was trained on, ridge heads."""

    name: str = "misfit"
    better: Better = "higher"
    unit: str = "label variance"
    evidence: Evidence = Evidence.weak_labels
    predicts: Predicts = "gain"
    source: str = "Charikar et al. 2024, arXiv:2405.15116, Theorem 1"
    summary: str = (
        "Part of the weak labels that the strong head refuses on held-out rows; equals the gain only for a convex "
        "strong class that holds the truth, which ridge heads do not guarantee."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """In units of the label variance where gold labels exist, else in squared label units.

        The note marks a misfit that is too small to predict anything: `details["threshold"]`.
        """
        return tuple(self._one(refusal) for refusal in refusals(case))

    def _one(self, refusal: Refusal | str) -> Estimate:
        if isinstance(refusal, str):
            return Estimate(None, self.better, self.unit, note=refusal)
        value, spread = refusal.misfit, 1.645 * _standard_error(refusal.distance)
        details, note = dict(refusal.details), UNCHECKED
        if refusal.threshold is not None and refusal.weak_loss is not None and refusal.strong_error is not None:
            details |= {
                "threshold": refusal.threshold,
                "strong_error": refusal.strong_error,
                "weak_error": float(np.mean(refusal.weak_loss)),
            }
            note = refusal.guard
        return Estimate(value, self.better, refusal.unit, max(value - spread, 0.0), value + spread, note, details)


@dataclass(frozen=True)
class MisfitSelection:
    """Err_w − misfit, the bound on Err_w2s that selects among weak models."""

    name: str = "misfit_selection"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.few_labels
    source: str = "Charikar et al. 2024, arXiv:2405.15116 (selection rule); Err_w by leave-one-out"
    summary: str = (
        "Weak error on the gold rows, each left out of its own head, minus the misfit on the others: the student's "
        "error if the misfit were the gain, as for a convex strong class that holds the truth."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; absent without gold labels. `details["gain"]` is the misfit, which the rule takes for it."""
        return tuple(self._one(refusal) for refusal in refusals(case))

    def _one(self, refusal: Refusal | str) -> Estimate:
        if isinstance(refusal, str):
            return Estimate(None, self.better, self.unit, note=refusal)
        if refusal.weak_loss is None:
            return Estimate(None, self.better, self.unit, note="needs gold labels of some rows: --labels FILE")
        error = float(np.mean(refusal.weak_loss))
        value = error - refusal.misfit
        spread = 1.645 * float(np.hypot(_standard_error(refusal.weak_loss), _standard_error(refusal.distance)))
        details = {"weak_error": error, "misfit": refusal.misfit, "gain": refusal.misfit}
        note = f"misfit {refusal.guard}" if refusal.guard else ""
        return Estimate(value, self.better, self.unit, value - spread, value + spread, note, details)


@once_per_case
def refusals(case: Case) -> tuple[Refusal | str, ...]:
    """A refusal per candidate, or the reason why there is none.

    Raises:
        InputError: too few rows without a gold label, or weak labels that do not fit the gold ones.
    """
    supervision = supervise(case, case.rng("misfit"))
    rows, ridge = supervision.rows, case.training.squared.student_ridge
    gold, strong_error, scale, unit = None, None, 1.0, "squared label units"
    if case.labels is not None:
        gold = case.labels.targets[case.labels.known]
        scale, unit = float(np.sum(np.var(gold, axis=0))), "label variance"
        known = np.flatnonzero(case.labels.known)
        residuals = case.strong.head(known, known[:0]).left_out(gold, ridge)
        strong_error = float(np.mean(np.sum(residuals**2, axis=1))) / scale
    found: list[Refusal | str] = []
    for candidate, labels in zip(case.weak, supervision.predictions, strict=True):
        if labels is None:
            found.append("needs --weak-labels for this candidate, or --labels")
            continue
        if float(np.sum(np.var(labels, axis=0))) <= 0.0:
            found.append("the weak labels are constant")
            continue
        labels = _second_of_two(labels)
        learned = cross_fitted_by(
            lambda train, test: case.strong.head(rows[train], rows[test]), labels, FOLDS, case.rng("misfit"), ridge
        )
        distance = np.sum((learned - labels) ** 2, axis=1) / scale
        loss = None if gold is None else _weak_loss(case, candidate, gold, rows) / scale
        left_out = case.strong.head(rows, rows[:0]).left_out(labels, ridge)
        details = {"leave_one_out": float(np.mean(np.sum(left_out**2, axis=1))) / scale}
        if case.labels is None or case.labels.kind != "regression":
            details |= _in_nats(labels, learned)
        if are_classes(labels, case.labels):
            details["disagreement"] = float(np.mean(votes(learned) != votes(labels)))
        found.append(Refusal(unit, distance, details, loss, strong_error))
    return tuple(found)


def left_out_residuals(features: NDArray[np.floating], labels: Array, ridge: float | None = None) -> Array:
    """(n, k) labels minus predictions of ridge heads that leave one row out each; see `FactoredRidge.left_out`."""
    return FactoredRidge.of(features, features[:0]).left_out(labels, ridge)


def _weak_loss(case: Case, candidate: Representation, gold: Array, rows: NDArray[np.intp]) -> Array:
    """(l,) squared error on the gold rows, of given weak labels or else of left-out heads."""
    if case.labels is None:
        raise TypeError("an error needs gold rows")
    known = case.labels.known
    given = case.weak_labels.get(candidate.name)
    if given is None:
        head = candidate.head(np.flatnonzero(known), rows)
        residuals = head.left_out(gold, case.training.squared.weak_ridge)
    else:
        table = given[:, None] if given.ndim == 1 else given
        residuals = table[known, -gold.shape[1] :] - gold
    loss: Array = np.sum(residuals**2, axis=1)
    return loss


def _second_of_two(table: Array) -> Array:
    """Probabilities of two classes in the coding of gold labels, so that (n, 1) and (n, 2) have one unit."""
    return table[:, 1:] if table.shape[1] == 2 and class_probabilities(table) is not None else table


def _in_nats(labels: Array, learned: Array) -> dict[str, float]:
    """KL either way between weak labels that are class probabilities and the ridge student's outputs cut to such."""
    weak = class_probabilities(labels)
    if weak is None:
        return {}
    cut = np.clip(learned, 0.0, 1.0)
    student = np.concatenate([1.0 - cut, cut], axis=1) if cut.shape[1] == 1 else cut
    teacher, learned = floored(weak), floored(student)
    return {
        "kl": float(np.mean(divergence(teacher, learned))),
        "reverse_kl": float(np.mean(divergence(learned, teacher))),
    }


def _standard_error(values: Array) -> float:
    return float(np.std(values) / np.sqrt(len(values)))
