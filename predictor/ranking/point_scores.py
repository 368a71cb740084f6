"""Scores of candidates by which stages of a ranking compare them: one number each, without replicates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictor.estimators.combined import Combined
from predictor.estimators.label_prior_simulation import LabelPriorSimulation, sizes_of
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Estimator, forecasts
from predictor.estimators.truth import TruthForecast
from predictor.query.settings import RankBy
from predictor.ranking.ordering import ordered_by, rank_by_of
from predictor.ranking.point_values import values_of
from predictor.statistics.arrays import Array
from predictor.training.simulated_split import SimulatedSplit, stacks
from predictor.training.splits import Parts, cut


def scores(estimator: Estimator, case: Case, rank_by: RankBy | None, rounds: int | None = None) -> Array:
    """(m,) scores, lower is better: what the order follows, or the estimator's signed value.

    A candidate without a value on these rows gets the worst one.

    Args:
        rounds: how often a simulation splits the rows anew; None for as often as its forecast does.
    """
    part = estimator.chosen(case) if isinstance(estimator, Combined) else estimator
    if isinstance(part, LabelPriorSimulation):
        expected = expected_outcomes(part, case, rounds)
        return expected[:, 1] - expected[:, 0] if rank_by == "gain" else expected[:, 1]
    if isinstance(part, TruthForecast):
        part = replace(part, shuffles=0, max_rounds=rounds or part.max_rounds)
    if forecasts(part):
        cast = part.forecast(case)
        return ordered_by(rank_by_of(rank_by, cast), cast)[0]
    values = (1.0 if part.better == "lower" else -1.0) * values_of(part, case)
    present = values[~np.isnan(values)]
    return np.where(np.isnan(values), float(present.max()) if len(present) else 0.0, values)


def max_rows(estimator: Estimator, case: Case) -> int | None:
    """Maximum number of rows that the estimator uses, or None."""
    part = estimator.chosen(case) if isinstance(estimator, Combined) else estimator
    found = getattr(part, "max_rows", None)
    return found if isinstance(found, int) else None


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
