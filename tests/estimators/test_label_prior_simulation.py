"""Forecasts over tasks drawn from priors: term by term, as draws, and for the training asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.priors import flat_kernel
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import FRESH, Forecast
from predictor.query.training_plan import Training
from predictor.spectral.spectra import PrincipalKernel
from predictor.training.simulated_split import SimulatedSplit
from predictor.training.splits import cut
from tests.reference.models import correlated, dimmed


@dataclass(frozen=True)
class Simulated:
    """A whole forecast of three candidates, each noisier than the one before."""

    case: Case
    estimator: LabelPriorSimulation
    forecast: Forecast


@pytest.fixture(scope="module")
def simulated():
    rng = np.random.default_rng(9)
    strong = correlated(90, 12, 0.7, rng)
    weak = tuple(Representation(f"w{i}", dimmed(strong, 8, 0.1 + i, rng)) for i in range(3))
    case = Case(Representation("s", strong), weak, seed=5)
    estimator = LabelPriorSimulation(noises=(0.1, 0.5), draws=40, max_rounds=1)
    return Simulated(case, estimator, estimator.forecast(case))


def reported(estimator, case):
    """Errors and gains (3,) and the ceiling of a forecast with noises .1 and .5 of 90 rows split once; the level shift.

    Differences are those of the first prior, of all models; the level of errors is that of all priors.
    """
    rng, strong, training = case.rng("label_prior_simulation"), case.strong.features, case.training
    priors = (*estimator.priors(case), *estimator.own_priors(case))
    for prior in priors:
        prior.draw(2 * estimator.draws, rng)
    expected, ceilings = [], []
    for noise in (0.1, 0.5):
        part = cut(90, *training.sizes(90), rng)
        assert len(part.weak) == (training.weak_rows or 30)
        assert len(part.student) == (training.student_rows or 30)
        tests = len(part.test)
        rng.multinomial(tests, np.full(tests, 1 / tests), estimator.draws)
        split = SimulatedSplit.of(strong, part, [each.with_noise(noise) for each in priors], training)
        found = np.array([split.expected(split.teacher(w.features)) for w in case.weak])
        expected += list(np.moveaxis(found, 1, 0))
        for prior in split.priors:
            rng.standard_normal((90, estimator.draws))
            ceilings.append(split.student.on_gold(prior, part.student, part.test)[1])
    ordering = [0, 4]
    err_w, err_w2s = np.mean([expected[i] for i in ordering], axis=0).T
    level = np.mean(np.array(expected)[:, :, 1]) - err_w2s.mean()
    return err_w2s + level, err_w - err_w2s, np.mean(ceilings), level


def assert_reported(forecast, error, gain, ceiling):
    np.testing.assert_allclose(forecast.error, error, atol=1e-12)
    np.testing.assert_allclose(forecast.gain, gain, atol=1e-12)
    assert forecast.ceiling == pytest.approx(ceiling, abs=1e-12)


def test_a_forecast_has_the_differences_under_the_prior_of_all_models_and_the_level_under_all_priors(simulated):
    *expected, level = reported(simulated.estimator, simulated.case)
    assert level < -0.05
    assert_reported(simulated.forecast, *expected)


def test_tasks_are_those_of_all_models_and_even_and_easier_ones_of_the_strong_model(simulated):
    case = simulated.case
    models = [PrincipalKernel.of(r.features) for r in (case.strong, *case.weak)]
    own = models[0].vectors @ np.diag(models[0].values) @ models[0].vectors.T
    everyone = sum(flat_kernel(m, 0.03) for m in models)
    of_strong = (flat_kernel(models[0], 0.03), own @ own, own @ own @ own @ own)
    found = (*simulated.estimator.priors(case), *simulated.estimator.own_priors(case))
    for prior, raw in zip(found, (everyone, *of_strong), strict=True):
        np.testing.assert_allclose(prior.kernel, raw * 90 / np.trace(raw), atol=1e-12)
        assert prior.noise == 0.0


def test_a_context_model_reports_as_much_of_tasks_as_a_candidate(simulated):
    case = simulated.case
    beside = replace(case, weak=case.weak[1:], context_models=case.weak[:1])
    (asked,), (stood_by,) = simulated.estimator.priors(case), simulated.estimator.priors(beside)
    (alone,) = simulated.estimator.priors(replace(beside, context_models=()))
    np.testing.assert_allclose(stood_by.kernel, asked.kernel, atol=1e-12)
    assert np.abs(alone.kernel - asked.kernel).max() > 1e-3


def test_draws_are_paired_and_scatter_around_the_expectation(simulated):
    forecast = simulated.forecast
    assert forecast.error_draws.shape == forecast.gain_draws.shape == (3, 2 * 4 * 40)
    ordering = np.arange(2 * 4 * 40) % 160 < 40
    for drawn, expected in (
        (forecast.error_draws.mean(axis=0)[None], forecast.error.mean()),
        (np.diff(forecast.error_draws[:, ordering], axis=0), np.diff(forecast.error)),
        (forecast.gain_draws[:, ordering], forecast.gain),
    ):
        standard_error = drawn.std(axis=1) / np.sqrt(drawn.shape[1])
        assert np.all(np.abs(drawn.mean(axis=1) - expected) < 4 * standard_error)
    # Candidates see the same worlds: a task that is hard for one is hard for the next.
    assert np.corrcoef(forecast.error_draws[1], forecast.error_draws[2])[0, 1] > 0.5


def test_the_fewer_the_rows_the_oftener_they_are_split_anew(simulated):
    steady, once = LabelPriorSimulation(), LabelPriorSimulation(max_rounds=1)
    assert [steady.rounds(n) for n in (24, 200, 220, 300, 400, 480, 640, 5000)] == [8, 8, 7, 4, 2, 2, 1, 1]
    errors = [
        [estimator.forecast(replace(simulated.case, seed=seed)).error for seed in range(6)]
        for estimator in (once, steady)
    ]
    spread = [np.diff(found, axis=1).std(axis=0).mean() for found in errors]
    assert spread[1] < 0.6 * spread[0]


def test_however_often_rows_are_split_there_are_as_many_draws(simulated):
    for most in (1, 2, 8):
        found = LabelPriorSimulation(max_rounds=most).forecast(simulated.case)
        assert found.error_draws.shape == (3, 4 * 5 * 16)
        assert found.null_draws.shape == (3, 19)


def test_the_drawn_ceiling_scatters_around_the_expected_one(simulated):
    drawn = simulated.forecast.ceiling_draws
    assert drawn.shape == (2 * 4 * 40,)
    assert np.mean(drawn) == pytest.approx(simulated.forecast.ceiling, abs=4 * np.std(drawn) / np.sqrt(len(drawn)))


def test_pgr_is_gain_over_headroom_and_absent_without_headroom():
    # Err_w = .5 + .2 = .7 and .3 + .1 = .4 and .5 − .3 = .2; ceiling .3: .2/.4, .1/.1, absent as .2 < .3.
    error, gain = np.array([0.5, 0.3, 0.5]), np.array([0.2, 0.1, -0.3])
    made = Forecast(error, gain, 0.3, error[:, None], gain[:, None], np.array([0.2]), np.zeros((3, 0)))
    np.testing.assert_allclose(made.pgr, [0.5, 1.0, np.nan])
    # Draws have their own ceiling .2: .2/.5, .1/.2, and no headroom at .2 − .2.
    np.testing.assert_allclose(made.pgr_draws, [[0.4], [0.5], [np.nan]])


def test_the_null_is_worse_than_every_informed_candidate_and_near_the_label_variance(simulated):
    forecast = simulated.forecast
    assert forecast.null_draws.shape == (3, 19)
    assert forecast.error.max() < np.median(forecast.null_draws)
    assert np.median(forecast.null_draws) == pytest.approx(1.0, abs=0.25)


def test_a_candidate_of_pure_noise_is_as_likely_as_its_shuffles_to_come_first():
    """So it beats all 19 once in 20 times; under a prior that it is part of itself, it nearly always would."""
    first = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, 3])
        strong = correlated(60, 8, 0.7, rng)
        case = Case(Representation("s", strong), (Representation("noise", rng.standard_normal((60, 8))),), seed=seed)
        found = LabelPriorSimulation(draws=2, max_rounds=1).forecast(case)
        first += bool(found.error[0] < found.null_draws.min())
    assert first <= 6


def test_larger_pools_are_cut_and_the_answer_reports_so(simulated):
    found = LabelPriorSimulation(noises=(0.1,), draws=2, max_rows=60).forecast(simulated.case)
    assert found.notes == (FRESH, "simulated on 60 of 90 rows, a third of them for each head")
    assert simulated.forecast.notes == (FRESH,)


def forecast_of(simulated, training, **changes):
    estimator = LabelPriorSimulation(**{"noises": (0.1, 0.5), "draws": 4, "max_rounds": 1} | changes)
    return estimator, estimator.forecast(replace(simulated.case, training=training))


@pytest.mark.parametrize("training", [Training(9, 50), Training(30, 12, 0.2, 0.01), Training(student_ridge=1.0)])
def test_a_forecast_follows_the_training_asked_for(simulated, training):
    estimator, found = forecast_of(simulated, training)
    *expected, _ = reported(estimator, replace(simulated.case, training=training))
    assert_reported(found, *expected)
    assert found.warnings == ()


def test_drawn_outcomes_of_the_training_asked_for_scatter_around_the_expected_ones(simulated):
    estimator = LabelPriorSimulation(noises=(0.1, 0.5), draws=100, max_rounds=1)
    found = estimator.forecast(replace(simulated.case, training=Training(12, 20, 0.5, 0.5)))
    drawn, ordering = found.error_draws.mean(axis=0), np.arange(2 * 4 * 100) % 400 < 100
    for one, expected in ((drawn, found.error.mean()), (found.gain_draws[:, ordering].mean(axis=0), found.gain.mean())):
        assert np.mean(one) == pytest.approx(expected, abs=4 * np.std(one) / np.sqrt(len(one)))
    assert abs(estimator.forecast(simulated.case).error.mean() - np.mean(drawn)) > 4 * np.std(drawn) / np.sqrt(800)


def test_more_gold_rows_make_better_teachers_and_a_huge_ridge_a_student_that_knows_the_mean_only(simulated):
    few, many = (forecast_of(simulated, Training(weak_rows=n, student_rows=30), max_rounds=8)[1] for n in (10, 45))
    assert np.all(many.error + many.gain < few.error + few.gain)
    blunt = forecast_of(simulated, Training(student_ridge=1e9))[1]
    assert blunt.ceiling == pytest.approx(1.0, abs=0.1)
    np.testing.assert_allclose(blunt.error, blunt.error.mean(), atol=0.02)


def test_a_training_larger_than_the_pool_is_simulated_at_the_nearest_size_and_the_answer_reports_so(simulated):
    _, found = forecast_of(simulated, Training(20, 50_000))
    assert found.notes == (FRESH,)
    assert found.warnings == (
        "simulated with 20 rows for each weak head and 61 for the student, as 90 rows can show no more; with 20 and "
        "50000, as is to be predicted, expect lower errors",
    )
    _, exact = forecast_of(simulated, Training(20, 61))
    np.testing.assert_array_equal(found.error, exact.error)


def test_a_training_that_fits_the_pool_but_not_the_rows_simulated_is_reported_too(simulated):
    _, found = forecast_of(simulated, Training(30, 50), max_rows=60)
    assert found.notes == (FRESH, "simulated on 60 of 90 rows")
    assert found.warnings == (
        "simulated with 26 rows for each weak head and 26 for the student, as 60 rows can show no more; with 30 and "
        "50, as is to be predicted, expect lower errors",
    )
    _, small = forecast_of(simulated, Training(12, 30), max_rows=60)
    assert (small.notes, small.warnings) == ((FRESH, "simulated on 60 of 90 rows"), ())


def test_the_null_is_of_heads_with_the_ridges_asked_for(simulated):
    # Weak heads of huge ridge say the mean whatever their rows are paired with: shuffling takes nothing from them.
    _, found = forecast_of(simulated, Training(weak_ridge=1e9))
    np.testing.assert_allclose(
        found.null_draws, np.broadcast_to(found.error[:, None], found.null_draws.shape), atol=1e-6
    )
    _, free = forecast_of(simulated, Training())
    assert np.abs(free.null_draws - free.error[:, None]).min() > 1e-3
