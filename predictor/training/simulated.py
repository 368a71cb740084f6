"""Simulated outcomes: weak-to-strong training of linear heads on labels whose moments a truth model gives.

Errors of ridge heads need second moments of the labels alone, so expectations are exact (see `simulation`), also where
evidence moves the expected labels away from 0. Drawn labels give the spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.statistics.threads import in_order
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.predicted_measure import PredictedMeasure
from predictor.training.row_classes import RowClasses
from predictor.training.simulated_split import NullSplit, stacks
from predictor.training.simulation import SimulatedStudent, SimulatedTeacher, SimulatedTraining
from predictor.training.splits import Parts, cut
from predictor.truth.conditioned import DrawnLabels, LabelPosterior, NoiseLevel
from predictor.truth.kernels import unit


@dataclass(frozen=True, eq=False)
class Split:
    """Heads of every model on one split of the rows, or on a stack of splits of the same sizes."""

    part: Parts
    student: SimulatedStudent
    teachers: tuple[SimulatedTeacher, ...]

    @classmethod
    def of(
        cls, strong: NDArray[np.floating], weak: Sequence[NDArray[np.floating]], part: Parts, training: Training
    ) -> Split:
        """Factor every head of the split, or of all of them."""
        head = FactoredRidge.of(strong[part.student], strong[part.test])
        student = SimulatedStudent.of(head, training.student_ridge)
        others = np.concatenate([part.student, part.test], axis=-1)

        def teacher(features: NDArray[np.floating]) -> SimulatedTeacher:
            head = FactoredRidge.of(features[part.weak], features[others])
            return SimulatedTeacher.of(head, student, training.weak_ridge)

        return cls(part, student, tuple(in_order(teacher, weak)))


def splits_of(
    strong: NDArray[np.floating],
    weak: Sequence[NDArray[np.floating]],
    sizes: tuple[int, int],
    count: int,
    training: Training,
    rng: np.random.Generator,
) -> Iterator[Split]:
    """Random splits of the rows with D~ and D^ of these sizes, in stacks; heads are factored when one is asked for."""
    parts = [cut(len(strong), *sizes, rng) for _ in range(count)]
    return (
        Split.of(strong, weak, Parts.stack(some), training) for some in stacks(parts, max(sizes) ** 2 * (len(weak) + 1))
    )


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
    alone: LabelPosterior,
    drawn: Sequence[DrawnLabels],
    rng: np.random.Generator,
    *,
    shuffles: int = 0,
    classes: RowClasses | None = None,
) -> SimulatedOutcomes:
    """Simulate training; each split has one noise, see `noises_of`.

    Args:
        order: the truth on all rows: makes the differences between candidates.
        alone: the truth that no candidate has a part in, as far as that is known: makes the null. Under labels that
            lie in its own features, noise does better than with its rows shuffled.
        drawn: per split, labels at its noise: for the level of errors, and for draws.
        shuffles: S, on the middle split.
        classes: how drawn labels name classes, of all rows; None of numbers.
    """
    errors, tested, lost, measured = [], [], [], []
    noises = noises_of(order, len(drawn))
    levels = {noise: prior_of(order.at_noise(noise)) for noise in dict.fromkeys(noises)}
    place = 0
    for split in splits:
        here = range(place, place + len(split.part.weak))
        root, top = _under(split, [levels[noises[i]] for i in here])
        crossed = split.student.crossed(root)
        trainings = in_order(partial(_trained, split.student, root, crossed), split.teachers)
        found = np.array([(one.weak_error, one.w2s_error) for one in trainings])  # (m, 2, S)
        errors.append(np.moveaxis(found, 2, 0))
        weights = []
        for i in here:
            weights.append(_weights(split, drawn[i].labels.shape[2], rng))
            if i == len(drawn) // 2:
                lost.append(_lost(split, i - place, prior_of(alone.at_noise(noises[i])), shuffles, rng))
        tested.append(_tested(split, trainings, top, [drawn[i] for i in here], np.stack(weights)))
        if classes is not None:
            measured += _measured(split, trainings, classes, [drawn[i].labels for i in here], weights)
        place = here.stop
    expected, every = np.mean(np.concatenate(errors), axis=0), np.concatenate(tested, axis=2)
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


def _under(split: Split, priors: Sequence[LabelPrior]) -> tuple[LabelRoot, NDArray[np.floating]]:
    """The root of D~ of every split under its prior, and the shrinkage of the student trained on gold labels of D^."""
    roots, tops, part, start = [], [], split.part, 0
    for prior, equal in groupby(priors):  # splits of one noise follow each other
        some = slice(start, start + len(list(equal)))
        roots.append(LabelRoot.of(prior, part.weak[some], part.test[some]))
        tops.append(split.student.take(some).on_gold(prior, part.student[some], part.test[some])[0])
        start = some.stop
    return LabelRoot.joined(roots), np.concatenate(tops)


def _trained(
    student: SimulatedStudent, root: LabelRoot, crossed: NDArray[np.floating], teacher: SimulatedTeacher
) -> SimulatedTraining:
    return SimulatedTraining.of(teacher, student, root, crossed)


def _weights(split: Split, draws: int, rng: np.random.Generator) -> Array:
    """(n_t, R) of the test rows: a bootstrap a draw."""
    rows = split.part.test.shape[-1]
    found: Array = rng.multinomial(rows, np.full(rows, 1 / rows), draws).T / rows
    return found


def _measured(
    split: Split,
    trainings: Sequence[SimulatedTraining],
    classes: RowClasses,
    labels: Sequence[Array],
    weights: Sequence[Array],
) -> list[tuple[PredictedMeasure, PredictedMeasure | None]]:
    """Per split: accuracy and AUROC of heads trained on the codes of the classes that (n, k, R) drawn labels name."""
    part, (_, columns, draws) = split.part, labels[0].shape
    named = [classes.drawn(one) for one in labels]
    codes = [one[:, None] if columns == 1 else np.eye(columns)[one].transpose(0, 2, 1) for one in named]
    gold = np.stack([one[rows].reshape(len(rows), -1) for one, rows in zip(codes, part.weak, strict=True)])
    found = np.array([one.predictions(gold.astype(np.float64)) for one in trainings])  # (m, 2, S, n_t, k R)
    tested, measures = RowClasses.of_codes(part.test.shape[-1], columns), []
    for i, (rows, weight) in enumerate(zip(part.test, weights, strict=True)):
        answers = found[:, :, i].reshape(*found.shape[:2], len(rows), columns, draws)
        weak, w2s = answers.transpose(1, 0, 2, 4, 3)
        asked = (weak, w2s, named[i][rows], weight)
        measures.append((tested.accuracy(*asked), tested.auroc(*asked)))
    return measures


def _tested(
    split: Split,
    trainings: Sequence[SimulatedTraining],
    top: NDArray[np.floating],
    drawn: Sequence[DrawnLabels],
    weights: Array,
) -> Array:
    """(m + 1, 2, S R) weak and W2S errors on drawn labels; last the ceiling, twice."""
    part, (truths, noise, labels) = split.part, _singles(drawn)
    place = np.arange(len(drawn))[:, None]
    truth, weak, student = truths[place, part.test], labels[place, part.weak], labels[place, part.student]

    def error(prediction: NDArray[np.floating]) -> Array:
        missed: Array = np.sum(weights * (truth - prediction) ** 2, axis=1) + noise
        return missed.ravel()

    found = [[error(one) for one in training.predictions(weak)] for training in trainings]
    best = error(split.student.predict(student, top))
    return np.array([*found, [best, best]])


def _lost(split: Split, place: int, prior: LabelPrior, shuffles: int, rng: np.random.Generator) -> Array:
    """(m, S) expected W2S errors on one split with each candidate's training rows shuffled, less those with its own."""
    if not shuffles:
        return np.empty((len(split.teachers), 0))
    root = LabelRoot.of(prior, split.part.weak[place], split.part.test[place])
    null, rows = NullSplit.of(split.student.take(place), root), split.part.weak.shape[-1]
    orders = [[rng.permutation(rows) for _ in range(shuffles)] for _ in split.teachers]
    return np.array([null.lost(one.take(place), own) for one, own in zip(split.teachers, orders, strict=True)])


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
