"""Agreement-on-the-line: the error on the pool from the error on gold rows, along the line that agreements draw.

Baek, Jiang, Raghunathan, Kolter 2022, "Agreement-on-the-Line: Predicting the Performance of Neural Networks under
Distribution Shift", arXiv:2206.13089: where accuracies on two sets of rows are on a line in probits, so do the
agreements of pairs of models, on nearly the same line, which needs no label.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from predictor.estimators.hard_votes import votes
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.supervision import cross_fitted
from predictor.estimators.vote_matrix import NEEDED, VoteMatrix, too_few
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array, Ints

FOLDS = 5

MIN_FIT = 0.8
"""R² of the line through the agreements below which there is no line to read from. This project's choice: at some
hundreds of rows the noise of the shares alone takes a straight line down to 0.8 to 0.9."""


@dataclass(frozen=True, eq=False)
class AgreementLine:
    """Errors of m candidates by agreement-on-the-line.

    Attributes:
        errors: (m,) 0–1 errors on the pool.
        held_out: (m,) 0–1 errors on gold rows left out of the heads that voted on them.
        slope, fit: of the line through the agreements, and its R².
    """

    errors: Array
    held_out: Array
    slope: float
    fit: float

    @classmethod
    def of(cls, matrix: VoteMatrix, case: Case, voted: Ints) -> AgreementLine | None:
        """The line of heads trained on the gold rows; None without gold rows, or where a candidate's labels are given.

        Given weak labels may know the gold rows, so that their error there is none on rows left out.

        Args:
            voted: (n, m) votes on the pool.
        """
        labels = case.labels
        if labels is None or any(case.weak[column].name in case.weak_labels for column in matrix.columns):
            return None
        targets = labels.targets[labels.known]
        rows = [case.weak[column].features[labels.known] for column in matrix.columns]
        ridge = case.training.squared.weak_ridge
        guessed = [votes(cross_fitted(features, targets, FOLDS, case.rng("line"), ridge)) for features in rows]
        held_out, gold = np.stack(guessed, axis=1), votes(targets)
        errors, slope, fit = on_the_line(held_out, gold, voted)
        return cls(errors, np.mean(held_out != gold[:, None], axis=0), slope, fit)


def on_the_line(votes_gold: Ints, gold: Ints, votes_pool: Ints) -> tuple[Array, float, float]:
    """(m,) 0–1 errors on the pool by agreement-on-the-line, with slope and R² of the line.

    Φ⁻¹(agreement on pool) = a Φ⁻¹(agreement on gold rows) + c is fitted over pairs of voters and carried over to
    accuracies: error = 1 − Φ(a Φ⁻¹(accuracy on gold rows) + c). With gold rows and pool drawn alike it tells no more
    than the accuracy on the gold rows; it is for pools that differ.

    Args:
        votes_gold: (g, m) held-out votes on the gold rows, m ≥ 3.
        gold: (g,) true classes.
        votes_pool: (n, m).

    Source: Baek, Jiang, Raghunathan, Kolter 2022, arXiv:2206.13089 (their ALine-S).
    """
    left, right = np.triu_indices(votes_gold.shape[1], 1)
    known = _probit(np.mean(votes_gold[:, left] == votes_gold[:, right], axis=0), len(gold))
    found = _probit(np.mean(votes_pool[:, left] == votes_pool[:, right], axis=0), len(votes_pool))
    slope, offset = _line(known, found)
    accuracy = _probit(np.mean(votes_gold == gold[:, None], axis=0), len(gold))
    errors = np.array([1.0 - NormalDist().cdf(float(x)) for x in slope * accuracy + offset])
    spread = float(np.sum((found - found.mean()) ** 2))
    missed = float(np.sum((found - slope * known - offset) ** 2))
    return errors, slope, 1.0 - missed / spread if spread > 0.0 else 0.0


def _probit(shares: Array, rows: int) -> Array:
    """Φ⁻¹ of shares of rows, half a row away from 0 and 1."""
    return np.array([NormalDist().inv_cdf(float(x)) for x in np.clip(shares, 0.5 / rows, 1.0 - 0.5 / rows)])


def _line(x: Array, y: Array) -> tuple[float, float]:
    """Least squares; the line of slope 1 where x does not vary."""
    centred = x - x.mean()
    energy = float(centred @ centred)
    slope = float(centred @ y) / energy if energy > 1e-12 else 1.0
    return slope, float(y.mean() - slope * x.mean())


@dataclass(frozen=True)
class AgreementOnTheLine:
    """0–1 error of each weak model on the pool, read off the line at its error on gold rows."""

    name: str = "agreement_on_the_line"
    better: Better = "lower"
    unit: str = "share of rows"
    evidence: Evidence = Evidence.few_labels
    predicts: Predicts = "weak_error"
    source: str = "Baek et al. 2022, arXiv:2206.13089 (their ALine-S)"
    summary: str = (
        "Error of each weak model on the pool from its error on held-out gold rows, carried over along the line of "
        "pairwise agreements; classes only, and absent where the agreements are on no rising line. It is for pools "
        "drawn otherwise than the gold rows."
    )
    joint: Literal[True] = True

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; `details`: `held_out_error` on the gold rows, `slope` and `fit` (R²) of the line."""
        matrix = VoteMatrix.of(case, self.name)
        if case.labels is None:
            return self._absent(case, "needs gold labels of the weak heads' training rows: --labels FILE")
        if len(matrix.columns) < NEEDED:
            return self._absent(case, too_few(matrix))
        if not matrix.classes:
            return self._absent(case, "needs classes: numbers neither agree nor differ")
        line = AgreementLine.of(matrix, case, matrix.votes())
        if line is None:
            return self._absent(case, "given weak labels may know the gold rows: leave them out")
        if line.fit < MIN_FIT or line.slope <= 0.0:
            found = f"slope {line.slope:.2f}, R² {line.fit:.2f}"
            return self._absent(case, f"agreements are on no rising line: {found}; R² must be at least {MIN_FIT:g}")
        return tuple(
            Estimate(
                float(error),
                self.better,
                self.unit,
                details={"held_out_error": float(held_out), "slope": line.slope, "fit": line.fit},
            )
            for error, held_out in zip(line.errors, line.held_out, strict=True)
        )

    def _absent(self, case: Case, why: str) -> tuple[Estimate, ...]:
        return tuple(Estimate(None, self.better, self.unit, note=why) for _ in case.weak)
