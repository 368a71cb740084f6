"""Scores without replicates: the forecast's own, values of other estimators, and less noise where rows are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import find
from predictor.ranking.point_scores import expected_outcomes, scores
from tests.ranking.counting import features


def case(rows: int) -> Case:
    found = features()
    weak = tuple(Representation(name, found[name][:rows]) for name in ("near", "half", "noise"))
    return Case(Representation("strong", found["strong"][:rows]), weak)


def test_scores_without_replicates_are_the_forecasts_own() -> None:
    few, simulation = case(90), LabelPriorSimulation(draws=2)
    cast = simulation.forecast(few)
    # The forecast draws tasks between its splits, so splits differ: equal in law, not in digits.
    found = expected_outcomes(simulation, few)
    level = cast.error.mean() - found[:, 1].mean()
    np.testing.assert_allclose(found[:, 1] + level, cast.error, atol=0.04)
    np.testing.assert_allclose(found[:, 0] - found[:, 1], cast.gain, atol=0.04)
    np.testing.assert_allclose(scores(simulation, few, "gain"), found[:, 1] - found[:, 0])
    assert np.argsort(found[:, 1]).tolist() == np.argsort(cast.error).tolist()


def test_other_estimators_score_by_their_value_with_the_better_first() -> None:
    few = case(90)
    for name in ("cka", "representation_gap"):
        estimator = find(name)
        sign = 1.0 if estimator.better == "lower" else -1.0
        expected = [sign * (estimator.estimate(Case(few.strong, (one,)))[0].value or 0.0) for one in few.weak]
        np.testing.assert_allclose(scores(estimator, few, "w2s_error"), expected)


def test_few_rows_are_split_more_often_unless_reported_otherwise() -> None:
    simulation = LabelPriorSimulation()
    spread = {}
    for rounds in (None, 1):
        found = [expected_outcomes(simulation, replace(case(90), seed=seed), rounds)[:, 1] for seed in range(6)]
        spread[rounds] = np.diff(found, axis=1).std(axis=0).mean()
    assert spread[None] < 0.6 * spread[1]
