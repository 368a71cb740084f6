"""Scores without replicates: the forecast's own, values of other estimators, and less noise where rows are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictor.estimators.combined import Combined
from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import find
from predictor.estimators.truth import TruthForecast
from predictor.ranking.point_scores import scores
from tests.ranking.counting import features


def case(rows: int) -> Case:
    found = features()
    weak = tuple(Representation(name, found[name][:rows]) for name in ("near", "half", "noise"))
    return Case(Representation("strong", found["strong"][:rows]), weak)


def test_scores_without_replicates_are_the_forecasts_own() -> None:
    """The same numbers, without the shuffled candidates that only the null needs."""
    few, truth = case(90), TruthForecast()
    cast = truth.forecast(few)
    np.testing.assert_allclose(scores(truth, few, "gain"), -cast.gain)
    found = scores(Combined(), few, None)
    np.testing.assert_allclose(found - found.mean(), cast.error - cast.error.mean(), atol=1e-12)


def test_other_estimators_score_by_their_value_with_the_better_first() -> None:
    few = case(90)
    for name in ("cka", "representation_gap"):
        estimator = find(name)
        sign = 1.0 if estimator.better == "lower" else -1.0
        expected = [sign * (estimator.estimate(Case(few.strong, (one,)))[0].value or 0.0) for one in few.weak]
        np.testing.assert_allclose(scores(estimator, few, "w2s_error"), expected)


def test_few_rows_are_split_more_often_unless_reported_otherwise() -> None:
    spread = {}
    for rounds in (None, 1):
        found = [scores(TruthForecast(), replace(case(90), seed=seed), "w2s_error", rounds) for seed in range(6)]
        spread[rounds] = np.diff(found, axis=1).std(axis=0).mean()
    assert spread[None] < 0.6 * spread[1]
