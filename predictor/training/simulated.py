"""Simulated outcomes: weak-to-strong training of linear heads on labels whose moments a truth model gives.

Errors of ridge heads need second moments of the labels alone, so expectations are exact (see `simulation`), also where
evidence moves the expected labels away from 0. Drawn labels give the spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.predicted_measure import PredictedMeasure
from predictor.training.row_classes import RowClasses
from predictor.training.simulated_split import NullSplit
from predictor.training.simulation import SimulatedStudent, SimulatedTeacher, SimulatedTraining
from predictor.training.splits import Parts, cut
from predictor.truth.conditioned import DrawnLabels, LabelPosterior, NoiseLevel
from predictor.truth.kernels import unit


@dataclass(frozen=True, eq=False)
class Split:
    """Heads of every model on one split of the rows."""

    part: Parts
    student: SimulatedStudent
    teachers: tuple[SimulatedTeacher, ...]

    @classmethod
    def of(
        cls, strong: NDArray[np.floating], weak: Sequence[NDArray[np.floating]], part: Parts, training: Training
    ) -> Split:
        """Factor every head of the split."""
        head = FactoredRidge.of(strong[part.student], strong[part.test])
        student = SimulatedStudent.of(head, training.student_ridge)
        others = np.concatenate([part.student, part.test])
        heads = (FactoredRidge.of(features[part.weak], features[others]) for features in weak)
        return cls(part, student, tuple(SimulatedTeacher.of(one, student, training.weak_ridge) for one in heads))


def splits_of(
    strong: NDArray[np.floating],
    weak: Sequence[NDArray[np.floating]],
    sizes: tuple[int, int],
    count: int,
    training: Training,
    rng: np.random.Generator,
) -> Iterator[Split]:
    """Random splits of the rows with D~ and D^ of these sizes; heads are factored when a split is asked for."""
    for _ in range(count):
        yield Split.of(strong, weak, cut(len(strong), *sizes, rng), training)


@dataclass(frozen=True, eq=False)
class SimulatedOutcomes:
    """Errors in units of the label variance; columns of draws are the same truths for every candidate.

    Attributes:
        error, gain: (m,) expected under the levels that make the order.
        level: drawn errors less expected ones, mean over candidates: what the levels that set the level add.
        error_draws, gain_draws: (m, R) on drawn labels and a bootstrap of the test rows each.
        ceiling_draws: (R,) of a student trained on gold labels.
        null: (m, S) expected W2S errors with each candidate's rows shuffled, less the error with its own rows.
        accuracy, auroc: of teachers and students, where labels are classes; AUROC where there are two.
    """

    error: Array
    gain: Array
    level: float
    error_draws: Array
    gain_draws: Array
    ceiling_draws: Array
    null: Array
    accuracy: PredictedMeasure | None = None
    auroc: PredictedMeasure | None = None


def noises_of(order: LabelPosterior, splits: int) -> tuple[float, ...]:
    """The noise at which each split is simulated: rising, in proportion to the weights."""
    noises, weights = np.array(order.noises).T
    shares = np.cumsum(weights) / weights.sum()
    at = np.searchsorted(shares, (np.arange(splits) + 0.5) / splits)
    return tuple(noises[np.minimum(at, len(noises) - 1)].tolist())


def simulated_outcomes(
    splits: Iterable[Split],
    order: LabelPosterior,
    drawn: Sequence[DrawnLabels],
    rng: np.random.Generator,
    *,
    shuffles: int = 0,
    classes: RowClasses | None = None,
) -> SimulatedOutcomes:
    """Simulate training; each split has one noise, see `noises_of`.

    Args:
        order: the truth on all rows: makes the differences between candidates.
        drawn: per split, labels at its noise: for the level of errors, and for draws.
        shuffles: S, on the middle split.
        classes: how drawn labels name classes, of all rows; None of numbers.
    """
    errors, tested, lost, measured = [], [], [], []
    noises, at = noises_of(order, len(drawn)), None
    for place, (split, noise) in enumerate(zip(splits, noises, strict=True)):
        at = order.at_noise(noise) if at is None or at.noise != noise else at
        prior = prior_of(at)
        root = LabelRoot.of(prior, split.part.weak, split.part.test)
        crossed = split.student.crossed(root)
        trainings = [SimulatedTraining.of(one, split.student, root, crossed) for one in split.teachers]
        errors.append([(one.weak_error, one.w2s_error) for one in trainings])
        top, _ = split.student.on_gold(prior, split.part.student, split.part.test)
        weights = _weights(split, drawn[place].labels.shape[2], rng)
        tested.append(_tested(split, trainings, top, drawn[place], weights))
        if classes is not None:
            measured.append(_measured(split, trainings, classes, drawn[place].labels, weights))
        if place == len(drawn) // 2:
            lost.append(_null(split, root, shuffles, rng) - np.array(errors[-1])[:, 1:])
    expected, every = np.mean(errors, axis=0), np.concatenate(tested, axis=2)
    return SimulatedOutcomes(
        expected[:, 1],
        expected[:, 0] - expected[:, 1],
        float(np.mean(every[:-1, 1]) - np.mean(expected[:, 1])),
        every[:-1, 1],
        every[:-1, 0] - every[:-1, 1],
        every[-1, 0],
        lost[0],
        PredictedMeasure.mean([accuracy for accuracy, _ in measured]),
        PredictedMeasure.mean([area for _, area in measured]),
    )


def prior_of(level: NoiseLevel) -> LabelPrior:
    """Labels with the level's second moments, centred, unit variance in all."""
    moment = level.second_moment()
    noise = level.noise / (float(np.mean(np.diag(moment))) + level.noise)
    return LabelPrior("truth model", unit(moment) * (1.0 - noise), noise)


def _weights(split: Split, draws: int, rng: np.random.Generator) -> Array:
    """(n_t, R) of the test rows: a bootstrap a draw."""
    rows = len(split.part.test)
    found: Array = rng.multinomial(rows, np.full(rows, 1 / rows), draws).T / rows
    return found


def _measured(
    split: Split, trainings: Sequence[SimulatedTraining], classes: RowClasses, labels: Array, weights: Array
) -> tuple[PredictedMeasure, PredictedMeasure | None]:
    """Accuracy and AUROC of heads trained on the codes of the classes that (n, k, R) drawn labels name."""
    part, named = split.part, classes.drawn(labels)
    columns, draws = labels.shape[1], labels.shape[2]
    codes = named[:, None] if columns == 1 else np.eye(columns)[named].transpose(0, 2, 1)
    gold = codes[part.weak].reshape(len(part.weak), -1).astype(np.float64)
    found = np.array([one.predictions(gold) for one in trainings])  # (m, 2, n_t, k R) of teachers and students
    weak, w2s = found.reshape(*found.shape[:3], columns, draws).transpose(1, 0, 2, 4, 3)
    tested, asked = RowClasses.of_codes(len(part.test), columns), (weak, w2s, named[part.test], weights)
    return tested.accuracy(*asked), tested.auroc(*asked)


def _tested(
    split: Split,
    trainings: Sequence[SimulatedTraining],
    top: NDArray[np.floating],
    drawn: DrawnLabels,
    weights: Array,
) -> Array:
    """(m + 1, 2, R) weak and W2S errors on drawn labels; last the ceiling, twice."""
    part, (truth, noise, labels) = split.part, _single(drawn)

    def error(prediction: NDArray[np.floating]) -> Array:
        missed: Array = np.sum(weights * (truth[part.test] - prediction) ** 2, axis=0) + noise
        return missed

    found = [[error(one) for one in training.predictions(labels[part.weak])] for training in trainings]
    best = error(split.student.predict(labels[part.student], top))
    return np.array([*found, [best, best]])


def _null(split: Split, root: LabelRoot, shuffles: int, rng: np.random.Generator) -> Array:
    """(m, S) expected W2S errors with each candidate's training rows paired with labels at random."""
    if not shuffles:
        return np.empty((len(split.teachers), 0))
    null, rows = NullSplit.of(split.student, root), len(split.part.weak)
    orders = [[rng.permutation(rows) for _ in range(shuffles)] for _ in split.teachers]
    return np.array([null.errors(one, own) for one, own in zip(split.teachers, orders, strict=True)])


def _single(drawn: DrawnLabels) -> tuple[Array, Array, Array]:
    """(n, R) truths, (R,) σ² and (n, R) labels: the columns of each draw in turn, centred, of unit variance in all."""
    columns, draws = drawn.truth.shape[1], drawn.truth.shape[2]
    chosen = (slice(None), np.arange(draws) % columns, np.arange(draws))
    truth, labels = drawn.truth[chosen], drawn.labels[chosen]
    centre = truth.mean(axis=0)
    total = float(np.mean(np.var(drawn.truth, axis=0)) + np.mean(drawn.noise))
    return (truth - centre) / np.sqrt(total), drawn.noise / total, (labels - centre) / np.sqrt(total)
