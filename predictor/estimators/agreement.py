"""Agreement: the error of each weak model from how three or more of them agree on the pool.

Classes: 0–1 error by Dawid–Skene, beside the spectral balanced error and, with gold labels, agreement-on-the-line.
Numbers: squared error by the three-cornered hat. All assume errors independent between candidates: what all of them
get wrong together is invisible, so that layers of one model, or a majority class that everyone falls back on, look
better than they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from predictor.estimators.baek2022 import AgreementLine
from predictor.estimators.dawid1979 import dawid_skene
from predictor.estimators.parisi2014 import balanced_errors
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.supervision import cross_fitted
from predictor.estimators.three_cornered_hat import distances, incoherence, squared_errors
from predictor.estimators.vote_matrix import NEEDED, VoteMatrix, too_few, unfit
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array, Ints

FOLDS = 5
RARE = 1e-6
"""Share of a class below which the other one is the only class."""

SURPLUS = 3.0
"""Standard errors by which a pair agrees too often to err independently."""

FEW_PAIRS = 0.05
"""Share of such pairs that is passed over."""

INCOHERENT = 0.25
"""Distances off by more of their mean than this do not come from independent errors."""

TOO_LOW = "shared mistakes make these values too low"


@dataclass(frozen=True)
class AgreementError:
    """Err_w of each candidate without a gold label of the rows: 0–1 error for classes, squared error for numbers."""

    name: str = "agreement_error"
    better: Better = "lower"
    unit: str = "share of rows"
    evidence: Evidence = Evidence.weak_labels
    predicts: Predicts = "weak_error"
    source: str = (
        "Dawid, Skene 1979; Parisi et al. 2014, PNAS 111(4); Baek et al. 2022, arXiv:2206.13089; Gray, Allan 1974"
    )
    summary: str = (
        "Error of each weak model from how at least three of them agree on the pool, if they err independently; "
        "mistakes that all of them share are invisible, which makes values too low and can reverse the order."
    )
    joint: Literal[True] = True

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; every other way to the same error that applies is in the details."""
        matrix = VoteMatrix.of(case, self.name)
        answers = [Estimate(None, self.better, self.unit, note=too_few(matrix)) for _ in case.weak]
        if len(matrix.columns) < NEEDED:
            return tuple(answers)
        found = self._of_classes(matrix, case) if matrix.classes else self._of_numbers(matrix, case)
        for column, estimate in zip(matrix.columns, found, strict=True):
            answers[column] = estimate
        return tuple(answers)

    def _of_classes(self, matrix: VoteMatrix, case: Case) -> list[Estimate]:
        voted = matrix.votes()
        consensus = dawid_skene(voted, matrix.classes)
        errors = consensus.errors()
        details: list[dict[str, float]] = [{"majority_error": x} for x in _against_majority(voted, matrix.classes)]
        shares = consensus.prior
        if matrix.classes == 2 and RARE < shares[0] < 1.0 - RARE:
            signs: Array = 2.0 * voted.astype(np.float64) - 1.0
            balanced = balanced_errors(signs, float(shares[1] - shares[0]))
            for one, error in zip(details, balanced, strict=True):
                one["spectral_balanced_error"] = float(error)
        self._add_line(matrix, case, voted, details)
        unanimous = float(np.mean(np.all(voted == voted[:, :1], axis=1)))
        notes = [f"all candidates agree on {unanimous:.0%} of the rows"] if unanimous > 0.8 else []
        left, right = np.triu_indices(voted.shape[1], 1)
        together = float(np.mean(consensus.surplus(voted)[left, right] > SURPLUS))
        if together > FEW_PAIRS:
            notes.append(f"{together:.0%} of the pairs agree more than independent errors allow: {TOO_LOW}")
        note = "; ".join(notes)
        return [
            Estimate(float(error), self.better, self.unit, note=note, details=one)
            for error, one in zip(errors, details, strict=True)
        ]

    def _add_line(self, matrix: VoteMatrix, case: Case, voted: Ints, details: list[dict[str, float]]) -> None:
        line = AgreementLine.of(matrix, case, voted)
        if line is None:
            return
        for i, one in enumerate(details):
            one["held_out_error"] = float(line.held_out[i])
            one["line_error"], one["line_fit"] = float(line.errors[i]), line.fit

    def _of_numbers(self, matrix: VoteMatrix, case: Case) -> list[Estimate]:
        stacked, (variance, unit) = matrix.stacked(), matrix.scale(case)
        if stacked is None or variance <= 0.0:
            return [Estimate(None, self.better, unit, note=unfit(stacked)) for _ in matrix.columns]
        apart = distances(stacked)
        errors = squared_errors(apart)
        note = shared_errors(apart, errors)
        return [Estimate(float(e), self.better, unit, note=note) for e in errors / variance]


def shared_errors(apart: Array, errors: Array) -> str:
    """The note where squared distances contradict independent errors; empty where they do not."""
    if float(errors.min()) < 0.0:
        return f"an error comes out below 0, as independent errors cannot: {TOO_LOW}"
    if incoherence(apart, errors) > INCOHERENT:
        return f"the distances do not add up from independent errors: {TOO_LOW}"
    return ""


def _against_majority(voted: Ints, classes: int) -> Array:
    counts = np.eye(classes)[voted].sum(axis=1)
    wrong: Array = np.mean(voted != counts.argmax(axis=1)[:, None], axis=0)
    return wrong


@dataclass(frozen=True)
class AgreementSelection:
    """Charikar's rule without gold labels of the rows: Err_w by the three-cornered hat, minus held-out misfit.

    Squared loss throughout, on numbers as on the codes of classes, in one unit for all candidates: the rule subtracts
    a squared distance, so that a 0–1 error would not fit into it.
    """

    name: str = "agreement_selection"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.weak_labels
    source: str = "Charikar et al. 2024, arXiv:2405.15116 (minimise Err_w − misfit); Gray, Allan 1974"
    summary: str = (
        "Bound on Err_w2s up to an amount that all candidates share, squared loss: error by agreement of at least "
        "three weak models that err independently, minus what a ridge student refuses; needs a convex strong class "
        "that holds the truth, which ridge heads do not guarantee."
    )
    joint: Literal[True] = True

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; `weak_error` and `misfit` in the details. May be negative: the shared part is missing."""
        matrix = VoteMatrix.of(case, self.name)
        answers = [Estimate(None, self.better, self.unit, note=too_few(matrix)) for _ in case.weak]
        if len(matrix.columns) < NEEDED:
            return tuple(answers)
        stacked, (variance, unit) = matrix.stacked(), matrix.scale(case)
        if stacked is None or variance <= 0.0:
            found = [Estimate(None, self.better, unit, note=unfit(stacked)) for _ in matrix.columns]
        else:
            apart = distances(stacked)
            errors = squared_errors(apart)
            note = shared_errors(apart, errors)
            misfits = self._misfits(stacked, matrix, case) / variance
            found = [
                Estimate(
                    float(e - m), self.better, unit, note=note, details={"weak_error": float(e), "misfit": float(m)}
                )
                for e, m in zip(errors / variance, misfits, strict=True)
            ]
        for column, estimate in zip(matrix.columns, found, strict=True):
            answers[column] = estimate
        return tuple(answers)

    def _misfits(self, stacked: Array, matrix: VoteMatrix, case: Case) -> Array:
        count, rows, columns = stacked.shape
        flat = stacked.transpose(1, 0, 2).reshape(rows, -1)
        strong, ridge = case.strong.features[matrix.rows], case.training.squared.student_ridge
        learned = cross_fitted(strong, flat, FOLDS, case.rng(self.name), ridge, device=case.strong.device)
        missed: Array = np.sum((learned - flat) ** 2, axis=0).reshape(count, columns).sum(axis=1) / rows
        return missed
