"""Simulated outcomes: weak-to-strong training of linear heads on labels whose moments a truth model gives.

Errors of ridge heads need second moments of the labels alone, so expectations are exact (see `simulation`), also where
evidence moves the expected labels away from 0. Drawn labels give the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.statistics.device import HOST, Device, namespace
from predictor.statistics.threads import in_order
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.null_split import NullSplit, stacks
from predictor.training.predicted_measure import PredictedMeasure
from predictor.training.simulation import SimulatedStudent, SimulatedTeacher
from predictor.training.split_trial import SplitClasses, SplitLabels, SplitTrial, TrialOutcome
from predictor.training.splits import Parts, Rows, cut
from predictor.truth.conditioned import DrawnLabels, LabelPosterior, NoiseLevel
from predictor.truth.kernels import unit


@dataclass(frozen=True, eq=False)
class Split:
    """Heads of every model on one split of the rows, or on a stack of splits of the same sizes.

    Attributes:
        part: D~, D^ and the test rows.
        student: the strong model's head.
        teachers: each makes the head of one candidate when it is called. A head is longer than its features, so no more
            than one per thread is in memory.
        device: of all heads.
    """

    part: Parts
    student: SimulatedStudent
    teachers: tuple[Callable[[], SimulatedTeacher], ...]
    device: Device

    @classmethod
    def of(
        cls,
        strong: NDArray[np.floating],
        weak: Sequence[NDArray[np.floating]],
        part: Parts,
        training: Training,
        device: Device = HOST,
    ) -> Split:
        """Factor the student's head."""
        head = FactoredRidge.of(strong[part.student], strong[part.test], device)
        student = SimulatedStudent.of(head, training.student_ridge)
        others = np.concatenate([part.student, part.test], axis=-1)

        def teacher(features: NDArray[np.floating]) -> SimulatedTeacher:
            head = FactoredRidge.of(features[part.weak], features[others], device)
            return SimulatedTeacher.of(head, student, training.weak_ridge)

        return cls(part, student, tuple(partial(teacher, features) for features in weak), device)


def splits_of(
    strong: NDArray[np.floating],
    weak: Sequence[NDArray[np.floating]],
    sizes: tuple[int, int],
    count: int,
    training: Training,
    rng: np.random.Generator,
    device: Device = HOST,
) -> Iterator[Split]:
    """Random splits of the rows with D~ and D^ of these sizes, in stacks; heads are factored when asked for."""
    parts = [cut(len(strong), *sizes, rng) for _ in range(count)]
    return (
        Split.of(strong, weak, Parts.stack(some), training, device)
        for some in stacks(parts, max(sizes) ** 2 * (len(weak) + 1))
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
) -> SimulatedOutcomes:
    """Simulate training; each split has one noise, see `noises_of`.

    Args:
        order: the truth on all rows: makes the differences between candidates.
        alone: the truth that no candidate has a part in, as far as that is known: makes the null. Under labels that
            lie in its own features, noise does better than with its rows shuffled.
        drawn: per split, labels at its noise: for the level of errors, and for draws.
        shuffles: S, on the middle split.
    """
    expected, tested, null = [], [], np.empty((0, 0))
    measured: list[tuple[tuple[PredictedMeasure, PredictedMeasure | None], ...]] = []
    noises, levels, place = noises_of(order, len(drawn)), dict[float, LabelPrior](), 0
    for split in splits:
        here = range(place, place + len(split.part.weak))
        asked = dict.fromkeys(noises[i] for i in here)
        levels = priors_of(order, tuple(asked), levels)
        root, top = _under(split, [levels[noises[i]] for i in here])
        middle, orders, shuffled = len(drawn) // 2, [list[Rows]() for _ in split.teachers], None
        some, part = drawn[place : here.stop], split.part
        counts = (middle + 1 - place, here.stop - middle - 1) if middle in here else (len(here), 0)
        weight = _weights(split, counts[0], some[0].labels.shape[2], rng)
        if middle in here:
            rows = split.part.weak.shape[-1]
            orders = [[rng.permutation(rows) for _ in range(shuffles)] for _ in split.teachers]
            shuffled = _shuffled(split, middle - place, prior_of(alone.at_noise(noises[middle]))) if shuffles else None
            weight = np.concatenate([weight, _weights(split, counts[1], some[0].labels.shape[2], rng)])
        labels = SplitLabels.of(some, part, weight, split.device)
        named = SplitClasses.of(some, part, weight, split.device)
        trial = SplitTrial(split.student, root, split.student.crossed(root), labels, named, shuffled)
        found = in_order(partial(_outcome, trial), zip(split.teachers, orders, strict=True))
        expected.append(np.array([one.expected for one in found]))
        best = labels.errors(split.student.predict(labels.student, top))
        tested.append(np.array([*(one.tested for one in found), [best, best]]))
        null = np.array([one.lost for one in found]) if middle in here else null
        measured += zip(*(one.measured for one in found), strict=True)
        place = here.stop
    errors, every = np.mean(np.concatenate(expected, axis=2), axis=2), np.concatenate(tested, axis=2)
    return SimulatedOutcomes(
        errors[:, 1],
        errors[:, 0] - errors[:, 1],
        float(np.mean(every[:-1, 1]) - np.mean(errors[:, 1])),
        every[:-1, 1],
        every[:-1, 0] - every[:-1, 1],
        every[-1, 0],
        null,
        PredictedMeasure.mean([_together([accuracy for accuracy, _ in one]) for one in measured]),
        PredictedMeasure.mean([_together([area for _, area in one]) for one in measured]),
    )


def _together(alone: Sequence[PredictedMeasure | None]) -> PredictedMeasure | None:
    """Measures of one candidate each as those of all."""
    return PredictedMeasure.joined(len(alone), [(np.array([i]), one) for i, one in enumerate(alone)])


def prior_of(level: NoiseLevel) -> LabelPrior:
    """Labels with the level's second moments, centred, unit variance in all."""
    moment = level.second_moment()
    noise = level.noise / (float(np.mean(np.diag(moment))) + level.noise)
    return LabelPrior("truth model", unit(moment) * (1.0 - noise), noise)


def priors_of(
    order: LabelPosterior, noises: Sequence[float], made: Mapping[float, LabelPrior]
) -> dict[float, LabelPrior]:
    """The labels at these levels of noise; see `prior_of`. Levels that differ in their scale alone share one array.

    Args:
        made: of levels that were asked for before.
    """
    if not order.same_kernel:
        return {noise: made.get(noise) or prior_of(order.at_noise(noise)) for noise in noises}
    first = next(iter(made.values()), None) or prior_of(order.at_noise(noises[0]))
    variance = order.model.totals[0] / order.model.columns
    return {noise: first.with_noise(noise / variance) for noise in noises}


def _under(split: Split, priors: Sequence[LabelPrior]) -> tuple[LabelRoot, NDArray[np.floating]]:
    """The root of D~ of every split under its prior, and the shrinkage of the student trained on gold labels of D^."""
    roots, tops, part, start = [], [], split.part, 0
    for _, equal in groupby(priors, key=lambda prior: id(prior.noiseless)):  # splits of one noise follow each other
        alike = tuple(equal)
        prior, some = LabelPrior.stack(alike), slice(start, start + len(alike))
        roots.append(LabelRoot.of(prior, part.weak[some], part.test[some], split.device))
        tops.append(split.student.take(some).on_gold(prior, part.student[some], part.test[some])[0])
        start = some.stop
    return LabelRoot.joined(roots), namespace(tops[0]).concat(tops)


def _weights(split: Split, count: int, draws: int, rng: np.random.Generator) -> Array:
    """(count, n_t, R) of the test rows of so many splits: a bootstrap a draw."""
    rows = split.part.test.shape[-1]
    found: Array = rng.multinomial(rows, np.full(rows, 1 / rows), (count, draws)).transpose(0, 2, 1) / rows
    return found


def _shuffled(split: Split, place: int, prior: LabelPrior) -> NullSplit:
    """The split at a place of a stack, under the prior of the null."""
    root = LabelRoot.of(prior, split.part.weak[place], split.part.test[place], split.device)
    return NullSplit.of(split.student.take(place), root, place)


def _outcome(trial: SplitTrial, candidate: tuple[Callable[[], SimulatedTeacher], Sequence[Rows]]) -> TrialOutcome:
    teacher, orders = candidate
    return trial.outcome(teacher(), orders)
