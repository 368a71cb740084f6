"""SplitTrial: what every candidate is asked on a stack of splits, one by one, so that no head outlives its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array, Ints
from predictor.statistics.device import Device, on_host
from predictor.training.label_prior import LabelRoot
from predictor.training.null_split import NullSplit
from predictor.training.predicted_measure import PredictedMeasure
from predictor.training.row_classes import RowClasses
from predictor.training.simulation import Floats, SimulatedStudent, SimulatedTeacher, SimulatedTraining
from predictor.training.splits import Parts, Rows
from predictor.truth.conditioned import DrawnLabels


@dataclass(frozen=True, eq=False)
class SplitLabels:
    """Drawn labels of S splits, R each: one column of each draw, centred, of unit variance in all.

    Attributes:
        weak, student: (S, n~, R) and (S, n^, R) labels of D~ and D^, on the device that trains on them.
        truth: (S, n_t, R) of the test rows.
        noise: (S, R) σ².
        weights: (S, n_t, R) of the test rows: a bootstrap a draw.
    """

    weak: Array
    student: Array
    truth: Array
    noise: Array
    weights: Array

    @classmethod
    def of(cls, drawn: Sequence[DrawnLabels], part: Parts, weights: Array, device: Device) -> SplitLabels:
        """Of labels of all rows, drawn per split."""
        truths, noise, labels = _singles(drawn)
        place = np.arange(len(drawn))[:, None]
        weak, student = (device.put(labels[place, rows]) for rows in (part.weak, part.student))
        return cls(weak, student, truths[place, part.test], noise, weights)

    def errors(self, prediction: NDArray[np.floating]) -> Array:
        """(S R,) squared errors of (S, n_t, R) predictions of the device, noise included."""
        missed: Array = np.sum(self.weights * (self.truth - on_host(prediction)) ** 2, axis=1) + self.noise
        return missed.ravel()


@dataclass(frozen=True, eq=False)
class SplitClasses:
    """Drawn classes of S splits.

    Attributes:
        gold: (S, n~, k R) codes of D~, on the device that trains on them.
        test: of the test rows, (n_t, R) per split.
        weights: (n_t, R) per split, as in `SplitLabels`.
        codes: how predictions name classes.
    """

    gold: Array
    test: tuple[Ints, ...]
    weights: Array
    codes: RowClasses

    @classmethod
    def of(cls, drawn: Sequence[DrawnLabels], part: Parts, weights: Array, device: Device) -> SplitClasses | None:
        """The classes of all rows, drawn per split; None of numbers."""
        columns, named = drawn[0].labels.shape[1], [one.classes for one in drawn if one.classes is not None]
        if len(named) < len(drawn):
            return None
        codes = [one[:, None] if columns == 1 else np.eye(columns)[one].transpose(0, 2, 1) for one in named]
        gold = np.stack([one[rows].reshape(len(rows), -1) for one, rows in zip(codes, part.weak, strict=True)])
        test = tuple(one[rows] for one, rows in zip(named, part.test, strict=True))
        return cls(device.put(gold.astype(np.float64)), test, weights, RowClasses.of_codes(columns))

    def measured(self, training: SimulatedTraining) -> list[tuple[PredictedMeasure, PredictedMeasure | None]]:
        """Per split: accuracy and AUROC of the heads trained on these classes' codes."""
        columns, found = len(self.codes.coding.centre), []
        predicted = (on_host(one) for one in training.predictions(self.gold))
        for place, predictions in enumerate(zip(*predicted, strict=True)):
            named, weight = self.test[place], self.weights[place]
            weak, w2s = (
                one.reshape(len(named), columns, -1).transpose(0, 2, 1)[None] for one in predictions
            )  # (1, n_t, R, k)
            asked = (weak, w2s, named, weight)
            found.append((self.codes.accuracy(*asked), self.codes.auroc(*asked)))
        return found


@dataclass(frozen=True, eq=False)
class TrialOutcome:
    """What one candidate comes to on S splits; W2S and weak errors in units of the label variance.

    Attributes:
        expected: (2, S) weak and W2S errors.
        tested: (2, S R) the same on drawn labels.
        lost: (P,) expected W2S errors with its training rows in P other orders, less that with their own.
        measured: accuracy and AUROC per split; empty of numbers.
    """

    expected: Array
    tested: Array
    lost: Array
    measured: list[tuple[PredictedMeasure, PredictedMeasure | None]]


@dataclass(frozen=True, eq=False)
class SplitTrial:
    """A stack of splits with the labels on which training is simulated.

    Attributes:
        student: the strong model's head.
        root: of the prior on D~ and the test rows.
        crossed: `student.crossed` of it.
        labels, classes: drawn; classes None of numbers.
        null: one of the splits, under the prior of the null; None where the null is not made on these.
    """

    student: SimulatedStudent
    root: LabelRoot
    crossed: Floats
    labels: SplitLabels
    classes: SplitClasses | None
    null: NullSplit | None

    def outcome(self, teacher: SimulatedTeacher, orders: Sequence[Rows]) -> TrialOutcome:
        """Train the student on this teacher's labels.

        Args:
            orders: of the training rows, for the null.
        """
        training = SimulatedTraining.of(teacher, self.student, self.root, self.crossed)
        return TrialOutcome(
            np.array([on_host(one) for one in (training.weak_error, training.w2s_error)]),
            np.array([self.labels.errors(one) for one in training.predictions(self.labels.weak)]),
            np.empty(0) if self.null is None else self.null.lost(teacher.take(self.null.place), orders),
            [] if self.classes is None else self.classes.measured(training),
        )


def _singles(drawn: Sequence[DrawnLabels]) -> tuple[Array, Array, Array]:
    """Of every split (S,): (S, n, R) truths, (S, R) σ² and (S, n, R) labels, centred, of unit variance in all.

    The columns of each draw are taken in turn.
    """
    truths, labels = np.stack([one.truth for one in drawn]), np.stack([one.labels for one in drawn])
    noise = np.stack([one.noise for one in drawn])
    columns, draws = truths.shape[2:]
    total = np.mean(np.var(truths, axis=1), axis=(1, 2)) + noise.mean(axis=1)
    chosen = (slice(None), slice(None), np.arange(draws) % columns, np.arange(draws))
    truth, size = truths[chosen], np.sqrt(total)[:, None, None]
    centre = truth.mean(axis=1, keepdims=True)
    return (truth - centre) / size, noise / total[:, None], (labels[chosen] - centre) / size
