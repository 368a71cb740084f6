"""Expected outcomes of `label_prior_simulation` without drawn tasks: what its priors alone say of an order."""

from __future__ import annotations

import numpy as np

from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.problem import Case
from predictor.estimators.simulated_sizes import sizes_of
from predictor.statistics.arrays import Array
from predictor.training.simulated_split import SimulatedSplit, stacks
from predictor.training.splits import Parts, cut


def expected_outcomes(simulation: LabelPriorSimulation, case: Case, rounds: int | None = None) -> Array:
    """(m, 2) expected Err_w and Err_w2s under the priors that make the order, on splits of their own.

    Differences are those of `LabelPriorSimulation.forecast`, the level is not. Cheaper: no tasks are drawn and no
    candidate is shuffled.
    """
    rng = case.rng(simulation.name)
    case = simulation.sample(case, rng)
    priors = simulation.priors(case)
    levels = simulation.noises * (rounds or simulation.rounds(case.rows))
    sizes = sizes_of(case)
    splits = [(noise, cut(case.rows, *sizes, rng)) for noise in levels]
    found = []
    for some in stacks(splits, len(priors) * max(sizes) ** 2):
        noise, part = np.array([one for one, _ in some]), Parts.stack([one for _, one in some])
        noisy = [prior.with_noise(noise) for prior in priors]
        split = SimulatedSplit.of(case.strong.features, part, noisy, case.training)
        found.append([split.expected(split.teacher(weak.features)).mean(axis=1) for weak in case.weak])
    expected: Array = np.mean(np.concatenate(found, axis=1), axis=1)
    return expected
