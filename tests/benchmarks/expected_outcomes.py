"""Expected outcomes of simulated training without drawn tasks: what priors alone say of an order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.problem import Case
from predictor.estimators.simulated_sizes import sizes_of
from predictor.statistics.arrays import Array
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.simulated import splits_of
from predictor.training.simulation import SimulatedTraining
from predictor.truth.noise import NOISE_SHARES


def expected_outcomes(priors: Sequence[LabelPrior], case: Case) -> Array:
    """(m, 2) expected Err_w and Err_w2s under noiseless priors at every level of noise, on splits of their own.

    Differences are those that `label_prior_simulation` would report, the level is not. Cheaper: no tasks are drawn and
    no candidate is shuffled.
    """
    rng, count = case.rng("expected outcomes"), LabelPriorSimulation().splits(case.rows)
    levels = np.array(NOISE_SHARES * (count // len(NOISE_SHARES)))
    weak, place, found = [one.features for one in case.weak], 0, []
    for split in splits_of(case.strong.features, weak, sizes_of(case), count, case.training, rng):
        part, noise = split.part, levels[place : place + len(split.part.weak)]
        roots = [LabelRoot.of(prior.with_noise(noise), part.weak, part.test) for prior in priors]
        crossed, place = [split.student.crossed(root) for root in roots], place + len(noise)
        errors = []
        for teacher in (make() for make in split.teachers):
            under = [
                SimulatedTraining.of(teacher, split.student, root, one)
                for root, one in zip(roots, crossed, strict=True)
            ]
            errors.append(np.mean([(one.weak_error, one.w2s_error) for one in under], axis=0))
        found.append(errors)
    expected: Array = np.mean(np.concatenate(found, axis=2), axis=2)
    return expected
