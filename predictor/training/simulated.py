"""Simulated outcomes: weak-to-strong training of linear heads on labels whose moments a truth model gives.

Errors of ridge heads need second moments of the labels alone, so expectations are exact (see `simulation`), also where
evidence moves the expected labels away from 0. Drawn labels give the spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.simulation import SimulatedStudent, SimulatedTeacher, SimulatedTraining
from predictor.training.splits import Parts, cut
from predictor.truth.conditioned import NoiseLevel
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
) -> tuple[Split, ...]:
    """Random splits of the rows with D~ and D^ of these sizes."""
    parts = [cut(len(strong), *sizes, rng) for _ in range(count)]
    return tuple(Split.of(strong, weak, part, training) for part in parts)


@dataclass(frozen=True, eq=False)
class SimulatedOutcomes:
    """Errors in units of the label variance; columns of draws are the same truths for every candidate.

    Attributes:
        error, gain: (m,) expected under the levels that make the order.
        level: drawn errors less expected ones, mean over candidates: what the levels that set the level add.
        error_draws, gain_draws: (m, R) on drawn labels and a bootstrap of the test rows each.
        ceiling_draws: (R,) of a student trained on gold labels.
        null: (m, S) expected W2S errors with each candidate's rows shuffled, less the error with its own rows.
    """

    error: Array
    gain: Array
    level: float
    error_draws: Array
    gain_draws: Array
    ceiling_draws: Array
    null: Array


def simulated_outcomes(
    splits: Sequence[Split],
    order: Sequence[NoiseLevel],
    level: Sequence[NoiseLevel],
    rng: np.random.Generator,
    *,
    draws: int,
    shuffles: int = 0,
) -> SimulatedOutcomes:
    """Simulate training; each split takes one noise level, in proportion to the levels' weights.

    Args:
        order: the truth on all rows, one level per noise: makes the differences between candidates.
        level: the same under each kernel by itself, of the same noises: for the level of errors, and for draws.
        draws: labels per split; shuffles: S, on the middle split.
    """
    errors, drawn, null = [], [], np.empty((len(splits[0].teachers), 0))
    for place, split in enumerate(splits):
        at = _at(order, (place + 0.5) / len(splits))
        prior = prior_of(at)
        root = LabelRoot.of(prior, split.part.weak, split.part.test)
        crossed = split.student.crossed(root)
        trainings = [SimulatedTraining.of(one, split.student, root, crossed) for one in split.teachers]
        errors.append([(one.weak_error, one.w2s_error) for one in trainings])
        top, _ = split.student.on_gold(LabelRoot.of(prior, split.part.student, split.part.test))
        alike = [one for one in level if np.isclose(one.noise, at.noise)]
        drawn.append(_drawn(split, trainings, top, alike, draws, rng))
        if shuffles and place == len(splits) // 2:
            null = _null(split, root, shuffles, rng) - np.array(errors[-1])[:, 1:]
    expected = np.mean(errors, axis=0)
    tested = np.concatenate(drawn, axis=2)
    return SimulatedOutcomes(
        expected[:, 1],
        expected[:, 0] - expected[:, 1],
        float(np.mean(tested[:-1, 1]) - np.mean(expected[:, 1])),
        tested[:-1, 1],
        tested[:-1, 0] - tested[:-1, 1],
        tested[-1, 0],
        null,
    )


def prior_of(level: NoiseLevel) -> LabelPrior:
    """Labels with the level's second moments, centred, unit variance in all."""
    moment = level.second_moment()
    noise = level.noise / (float(np.mean(np.diag(moment))) + level.noise)
    return LabelPrior("truth model", unit(moment) * (1.0 - noise), noise)


def _drawn(
    split: Split,
    trainings: Sequence[SimulatedTraining],
    top: NDArray[np.floating],
    levels: Sequence[NoiseLevel],
    draws: int,
    rng: np.random.Generator,
) -> Array:
    """(m + 1, 2, R) weak and W2S errors on drawn labels; last the ceiling, twice."""
    part = split.part
    shares = np.array([one.weight for one in levels])
    kinds = rng.multinomial(draws, shares / shares.sum())
    parts = [_labels(one, int(number), rng) for one, number in zip(levels, kinds, strict=True)]
    truth = np.concatenate([one for one, _ in parts], axis=1)
    noise = np.concatenate([np.full(one.shape[1], sigma) for one, sigma in parts])
    labels = truth + noise * rng.standard_normal(truth.shape)
    counts = rng.multinomial(len(part.test), np.full(len(part.test), 1 / len(part.test)), draws)
    weights = counts.T / len(part.test)

    def error(prediction: NDArray[np.floating]) -> Array:
        missed: Array = np.sum(weights * (truth[part.test] - prediction) ** 2, axis=0) + noise**2
        return missed

    found = [[error(one) for one in training.predictions(labels[part.weak])] for training in trainings]
    best = error(split.student.predict(labels[part.student], top))
    return np.array([*found, [best, best]])


def _null(split: Split, root: LabelRoot, shuffles: int, rng: np.random.Generator) -> Array:
    """(m, S) expected W2S errors with each candidate's training rows paired with labels at random."""
    student, small = split.student.single(), root.single()
    crossed, rows = student.crossed(small), len(split.part.weak)
    orders = [[rng.permutation(rows) for _ in range(shuffles)] for _ in split.teachers]
    return np.array(
        [
            [SimulatedTraining.of(one.single(), student, small.shuffled(o), crossed).w2s_error for o in own]
            for one, own in zip(split.teachers, orders, strict=True)
        ]
    )


def _labels(level: NoiseLevel, draws: int, rng: np.random.Generator) -> tuple[Array, float]:
    """(n, R) truths, one label column each, centred, and the noise's deviation; unit variance in all."""
    columns = level.mean.shape[1]
    drawn = level.draw(-(-draws // columns), rng).reshape(len(level.mean), -1)[:, :draws]
    drawn = drawn - drawn.mean(axis=0)
    total = float(np.mean(np.diag(level.second_moment()))) + level.noise
    return drawn / np.sqrt(total), float(np.sqrt(level.noise / total))


def _at(levels: Sequence[NoiseLevel], share: float) -> NoiseLevel:
    """The level at a share of the summed weights, by rising noise."""
    total = np.cumsum([level.weight for level in levels])
    return levels[min(int(np.searchsorted(total, share * total[-1])), len(levels) - 1)]
