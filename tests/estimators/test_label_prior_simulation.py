"""Tasks that all models see: `truth` without evidence under another prior, for the training asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.priors import flat_kernel
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import FRESH, Forecast
from predictor.estimators.simulated_sizes import sizes_of
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.spectral.spectra import PrincipalKernel
from predictor.training.label_prior import LabelRoot
from predictor.training.simulated import noises_of, prior_of, splits_of
from predictor.training.simulation import SimulatedTraining
from predictor.truth.kernels import unit
from tests.reference.models import correlated, dimmed

NOBODY = np.empty(0, dtype=np.intp)
QUICK = LabelPriorSimulation(max_rounds=1)


@dataclass(frozen=True)
class Simulated:
    """A whole forecast of three candidates, each noisier than the one before."""

    case: Case
    forecast: Forecast


@pytest.fixture(scope="module")
def simulated():
    rng = np.random.default_rng(9)
    strong = correlated(90, 12, 0.7, rng)
    weak = tuple(Representation(f"w{i}", dimmed(strong, 8, 0.1 + i, rng)) for i in range(3))
    case = Case(Representation("s", strong), weak, seed=5)
    return Simulated(case, QUICK.forecast(case))


def expected(case):
    """Err_w2s and gain (3,) under the prior of all models, on the forecast's splits."""
    order, rng = QUICK.truths(case, NOBODY).order, case.rng("truth splits")
    weak, count = [one.features for one in case.weak], QUICK.splits(case.rows)
    (split,) = splits_of(case.strong.features, weak, sizes_of(case), count, case.training, rng)
    found = []
    for place, noise in enumerate(noises_of(order, count)):
        root = LabelRoot.of(prior_of(order.at_noise(noise)), split.part.weak[place], split.part.test[place])
        student = split.student.take(place)
        heads = [make().take(place) for make in split.teachers]
        trained = [SimulatedTraining.of(head, student, root, student.crossed(root)) for head in heads]
        found.append([(one.weak_error, one.w2s_error) for one in trained])
    err_w, err_w2s = np.mean(found, axis=0).T
    return err_w2s, err_w - err_w2s


@pytest.mark.parametrize(
    "training", [Training(), Training(9, 50), Training(30, 12, 0.2, 0.01), Training(student_ridge=1.0)]
)
def test_differences_are_those_under_the_prior_of_all_models(simulated, training):
    case = replace(simulated.case, training=training)
    found, (error, gain) = QUICK.forecast(case), expected(case)
    np.testing.assert_allclose(found.error - found.error.mean(), error - error.mean(), atol=1e-10)
    np.testing.assert_allclose(found.gain, gain, atol=1e-10)
    assert found.warnings == ()


def test_tasks_are_those_of_all_models_and_even_and_easier_ones_of_the_strong_model(simulated):
    case, found = simulated.case, QUICK.truths(simulated.case, NOBODY)
    models = [PrincipalKernel.of(r.features) for r in (case.strong, *case.weak)]
    own = models[0].vectors @ np.diag(models[0].values) @ models[0].vectors.T
    everyone = unit(sum(flat_kernel(m, 0.03) for m in models))
    of_strong = [unit(one) for one in (flat_kernel(models[0], 0.03), own @ own, own @ own @ own @ own)]
    for made, kernels in (
        (found.order, [everyone]),
        (found.level, [everyone, *of_strong]),
        (found.alone, of_strong),
    ):
        for one, kernel in zip(made.model.kernels, kernels, strict=True):
            np.testing.assert_allclose(one, kernel, atol=1e-12)


def test_a_context_model_reports_as_much_of_tasks_as_a_candidate(simulated):
    case = simulated.case
    beside = replace(case, weak=case.weak[1:], context_models=case.weak[:1])
    asked, stood_by, alone = (
        QUICK.truths(one, NOBODY).order.model.kernels[0] for one in (case, beside, replace(beside, context_models=()))
    )
    np.testing.assert_allclose(stood_by, asked, atol=1e-12)
    assert np.abs(alone - asked).max() > 1e-3


def test_other_evidence_is_not_looked_at(simulated):
    case, rng = simulated.case, np.random.default_rng(1)
    gold = np.where(np.arange(90) < 30, rng.standard_normal(90), np.nan)[:, None]
    given = replace(case, labels=Labels(gold, "regression"), weak_labels={"w0": rng.standard_normal(90)})
    np.testing.assert_array_equal(QUICK.forecast(given).error, simulated.forecast.error)


def test_draws_are_paired_and_scatter_around_the_level(simulated):
    forecast = simulated.forecast
    drawn = forecast.error_draws.mean(axis=0)
    assert np.mean(drawn) == pytest.approx(forecast.error.mean(), abs=4 * np.std(drawn) / np.sqrt(len(drawn)))
    # Candidates see the same worlds: a task that is hard for one is hard for the next.
    assert np.corrcoef(forecast.error_draws[1], forecast.error_draws[2])[0, 1] > 0.5


def test_the_fewer_the_rows_the_oftener_they_are_split_anew(simulated):
    steady, once = LabelPriorSimulation(), QUICK
    assert [steady.splits(n) // 5 for n in (24, 200, 220, 300, 400, 480, 640, 5000)] == [8, 8, 7, 4, 2, 2, 1, 1]
    errors = [
        [estimator.forecast(replace(simulated.case, seed=seed)).error for seed in range(6)]
        for estimator in (once, steady)
    ]
    spread = [np.diff(found, axis=1).std(axis=0).mean() for found in errors]
    assert spread[1] < 0.6 * spread[0]


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
        found = QUICK.forecast(case)
        first += bool(found.error[0] < found.null_draws.min())
    assert first <= 6


def test_larger_pools_are_cut_and_the_answer_reports_so(simulated):
    found = LabelPriorSimulation(max_rounds=1, max_rows=60).forecast(simulated.case)
    assert found.notes == ("simulated on 60 of 90 rows, a third of them for each head", FRESH)
    assert simulated.forecast.notes == (FRESH,)


def forecast_of(simulated, training, **changes):
    return LabelPriorSimulation(**{"max_rounds": 1} | changes).forecast(replace(simulated.case, training=training))


def test_more_gold_rows_make_better_teachers_and_a_huge_ridge_a_student_that_knows_the_mean_only(simulated):
    few, many = (forecast_of(simulated, Training(weak_rows=n, student_rows=30), max_rounds=8) for n in (10, 45))
    assert np.all(many.error + many.gain < few.error + few.gain)
    blunt = forecast_of(simulated, Training(student_ridge=1e9))
    assert blunt.ceiling == pytest.approx(1.0, abs=0.1)
    np.testing.assert_allclose(blunt.error, blunt.error.mean(), atol=0.02)


def test_a_training_larger_than_the_pool_is_simulated_at_the_nearest_size_and_the_answer_reports_so(simulated):
    found = forecast_of(simulated, Training(20, 50_000))
    assert found.notes == (FRESH,)
    assert found.warnings == (
        "simulated with 20 rows for each weak head and 61 for the student, as 90 rows can show no more; with 20 and "
        "50000, as is to be predicted, expect lower errors",
    )
    np.testing.assert_array_equal(found.error, forecast_of(simulated, Training(20, 61)).error)


def test_a_training_that_fits_the_pool_but_not_the_rows_simulated_is_reported_too(simulated):
    found = forecast_of(simulated, Training(30, 50), max_rows=60)
    assert found.notes == ("simulated on 60 of 90 rows", FRESH)
    assert found.warnings == (
        "simulated with 26 rows for each weak head and 26 for the student, as 60 rows can show no more; with 30 and "
        "50, as is to be predicted, expect lower errors",
    )
    small = forecast_of(simulated, Training(12, 30), max_rows=60)
    assert (small.notes, small.warnings) == (("simulated on 60 of 90 rows", FRESH), ())


def test_the_null_is_of_heads_with_the_ridges_asked_for(simulated):
    # Weak heads of huge ridge say the mean whatever their rows are paired with: shuffling takes nothing from them.
    found = forecast_of(simulated, Training(weak_ridge=1e9))
    np.testing.assert_allclose(
        found.null_draws, np.broadcast_to(found.error[:, None], found.null_draws.shape), atol=1e-6
    )
    free = forecast_of(simulated, Training())
    assert np.abs(free.null_draws - free.error[:, None]).min() > 1e-3
