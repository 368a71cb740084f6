"""Scores: one number per candidate as its judge sees it, lower first, without the replicates that intervals need."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictor.errors import InputError
from predictor.estimators.combined import Combined
from predictor.estimators.label_prior_simulation import LabelPriorSimulation, sizes_of
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Estimator, Forecaster, JointEstimator
from predictor.query.settings import RankBy
from predictor.statistics.arrays import Array
from predictor.training.simulated_split import SimulatedSplit
from predictor.training.splits import cut


def scores(judging: Estimator, case: Case, rank_by: RankBy, rounds: int | None = None) -> Array:
    """(m,) what orders the candidates, lower is better: Err_w2s, or minus the gain, or the judge's signed value.

    The worst value stands for a candidate that cannot be judged on these rows.

    Args:
        rounds: how often a simulation splits the rows anew; None for as often as its forecast does.
    """
    part = judging.chosen(case) if isinstance(judging, Combined) else judging
    if isinstance(part, LabelPriorSimulation):
        expected = expected_outcomes(part, case, rounds)
        return expected[:, 1] - expected[:, 0] if rank_by == "gain" else expected[:, 1]
    if isinstance(part, Forecaster):
        cast = part.forecast(case)
        return -cast.gain if rank_by == "gain" else cast.error
    sign = 1.0 if part.better == "lower" else -1.0
    values = sign * np.array([np.nan if v is None else v for v in _values(part, case)])
    held = values[~np.isnan(values)]
    return np.where(np.isnan(values), float(held.max()) if len(held) else 0.0, values)


def max_rows(judging: Estimator, case: Case) -> int | None:
    """Rows beyond which the judge itself reads no further, or None."""
    part = judging.chosen(case) if isinstance(judging, Combined) else judging
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
    found = []
    for noise in simulation.noises * (rounds or simulation.rounds(case.rows)):
        part = cut(case.rows, *sizes_of(case), rng)
        noisy = [prior.with_noise(noise) for prior in priors]
        split = SimulatedSplit.of(case.strong.features, part, noisy, case.training)
        found.append([split.expected(split.teacher(weak.features)).mean(axis=0) for weak in case.weak])
    expected: Array = np.mean(found, axis=0)
    return expected


def _values(estimator: Estimator, case: Case) -> list[float | None]:
    if isinstance(estimator, JointEstimator):
        return [one.value for one in estimator.estimate(case)]
    return [_value(estimator, replace(case, weak=(one,))) for one in case.weak]


def _value(estimator: Estimator, case: Case) -> float | None:
    try:
        return estimator.estimate(case)[0].value
    except InputError:
        return None  # constant on these few rows, which says nothing of the others
