"""The level of joined forecasts: known no better than gold rows left out show it, and off alike for all candidates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from predictor.estimators.joined_forecast import of_uncertain_level
from predictor.estimators.label_truths import level_error
from predictor.estimators.problem import Case
from predictor.estimators.truth import TruthForecast
from tests.estimators.cases import case_with, teachers


@pytest.fixture(scope="module")
def forecast():
    """Errors far above zero, so that no draw is cut there."""
    found = TruthForecast(halvings=2, max_rounds=1, draws=512, shuffles=2).forecast(Case(*teachers((0.1, 0.6), 120)))
    return replace(found, error_draws=found.error_draws + 5.0, ceiling_draws=found.ceiling_draws + 5.0)


def test_the_level_varies_as_much_as_gold_rows_left_out_show(forecast):
    own = float(np.std(forecast.error_draws.mean(axis=0)))
    found = of_uncertain_level(forecast, 2.0 * own, np.random.default_rng(0))
    assert np.std(found.error_draws.mean(axis=0)) == pytest.approx(2.0 * own, rel=0.1)
    apart, before = (one.error_draws - one.error_draws[0] for one in (found, forecast))
    np.testing.assert_allclose(apart, before, atol=1e-12)
    np.testing.assert_allclose(
        found.ceiling_draws - forecast.ceiling_draws, (found.error_draws - forecast.error_draws)[0]
    )


def test_a_level_that_is_known_worse_already_is_left_as_it_is(forecast):
    own = float(np.std(forecast.error_draws.mean(axis=0)))
    found = of_uncertain_level(forecast, 0.5 * own, np.random.default_rng(0))
    np.testing.assert_array_equal(found.error_draws, forecast.error_draws)


def test_no_error_falls_below_zero(forecast):
    found = of_uncertain_level(forecast, 20.0, np.random.default_rng(0))
    assert min(found.error_draws.min(), found.ceiling_draws.min()) >= -1e-12


def test_gold_labels_state_how_well_the_level_is_known():
    """The standard error of the mean squared error on gold rows left out, as of independent rows."""
    case = case_with("few_labels")
    known = np.flatnonzero(case.labels.known)
    truths = TruthForecast().truths(case, known)
    missed = ((truths.level.left_out - truths.gold) ** 2).sum(axis=1)
    assert truths.uncertain == level_error(truths.level.left_out, truths.gold)
    assert truths.uncertain == pytest.approx(missed.std() / np.sqrt(len(known)))
    assert TruthForecast().truths(case_with("representations"), np.empty(0, dtype=int)).uncertain == 0.0
