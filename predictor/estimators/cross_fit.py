"""Cross-fitted outcomes: students trained on every candidate's weak labels, with errors against plausible truths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.estimators.cross_fitted_students import Teach
from predictor.statistics.arrays import Array, Ints
from predictor.training.coding import Coding
from predictor.training.predicted_measure import PredictedMeasure
from predictor.training.row_classes import RowClasses


@dataclass(frozen=True, eq=False)
class CrossFitOutcome:
    """Outcomes in the unit of the labels squared, of m candidates on R plausible truths.

    Attributes:
        error, gain: (m,) with the distance to the expected truth, without what the truth varies around it.
        error_draws, gain_draws: (m, R) with each plausible truth.
        ceiling_draws: (R,) of the student trained on that truth.
        null_draws: (m, S) errors with pairings shuffled.
        accuracy: shares of right rows of teacher and student, where rows are of classes.
        auroc: areas under their ROC curves, where rows are of two classes.
    """

    error: Array
    gain: Array
    error_draws: Array
    gain_draws: Array
    ceiling_draws: Array
    null_draws: Array
    accuracy: PredictedMeasure | None = None
    auroc: PredictedMeasure | None = None

    @classmethod
    def mean(cls, runs: Sequence[CrossFitOutcome]) -> CrossFitOutcome:
        """All runs as one: means, and the draws of all."""
        return cls(
            np.mean([run.error for run in runs], axis=0),
            np.mean([run.gain for run in runs], axis=0),
            np.concatenate([run.error_draws for run in runs], axis=1),
            np.concatenate([run.gain_draws for run in runs], axis=1),
            np.concatenate([run.ceiling_draws for run in runs]),
            np.mean([run.null_draws for run in runs], axis=0),
            PredictedMeasure.mean([run.accuracy for run in runs]),
            PredictedMeasure.mean([run.auroc for run in runs]),
        )


def cross_fit_outcome(
    train: Teach,
    weak: Array,
    null: Array,
    mean: Array,
    truth: Array,
    rng: np.random.Generator,
    coding: Coding,
    drawn: Ints | None = None,
    gold: Teach | None = None,
) -> CrossFitOutcome:
    """Outcomes of one random two-fold split: each half gets the student trained on the other.

    Args:
        train: the student, over the rows.
        weak: (m, n, k) weak labels.
        null: (m, S, n, k) weak labels of shuffled pairings; S may be 0.
        mean: (n, k) expected labels.
        truth: (n, k, R) plausible labels, each compared on a bootstrap of the rows of its own.
        rng: draws these.
        coding: of the labels.
        drawn: (n, R) plausible classes; None of numbers.
        gold: the student trained on plausible labels; None for `train`.
    """
    rows = weak.shape[1]
    labels = np.concatenate([weak[:, None], null], axis=1)
    students = train(labels.reshape(-1, *weak.shape[1:])).reshape(labels.shape)
    learned, mixed = students[:, 0], students[:, 1:]
    top = (gold or train)(truth.transpose(2, 0, 1)).transpose(1, 2, 0)
    weights = rng.multinomial(rows, np.full(rows, 1 / rows), truth.shape[2]).T / rows
    w2s_draws = np.stack([_drawn_error(f, truth, weights) for f in learned])
    weak_draws = np.stack([_drawn_error(f, truth, weights) for f in weak])
    error = np.mean(np.sum((learned - mean) ** 2, axis=2), axis=1)
    accuracy = area = None
    if drawn is not None:
        classes, compared = RowClasses(coding), (weak[:, :, None], learned[:, :, None], drawn, weights)
        accuracy, area = classes.accuracy(*compared), classes.auroc(*compared)
    return CrossFitOutcome(
        error=error,
        gain=np.mean(np.sum((weak - mean) ** 2, axis=2), axis=1) - error,
        error_draws=w2s_draws,
        gain_draws=weak_draws - w2s_draws,
        ceiling_draws=np.sum(weights * np.sum((top - truth) ** 2, axis=1), axis=0),
        null_draws=np.mean(np.sum((mixed - mean) ** 2, axis=3), axis=2),
        accuracy=accuracy,
        auroc=area,
    )


def _drawn_error(prediction: Array, truth: Array, weights: Array) -> Array:
    """(R,) squared error of (n, k) predictions against each of (n, k, R) truths on its bootstrap of the rows."""
    errors: Array = np.sum(weights * np.sum((prediction[:, :, None] - truth) ** 2, axis=1), axis=0)
    return errors
