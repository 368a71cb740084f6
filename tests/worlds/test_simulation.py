"""Expected errors of the simulated pipeline against explicit n × n hat matrices and against drawn labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.estimators.case import Case, Representation
from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.priors import consensus_kernel, flat_kernel, sizes
from predictor.estimators.protocol import Forecast
from predictor.heads.ridge import RIDGES, HeadFactor
from predictor.spectral.spectra import PrincipalKernel
from predictor.worlds.simulation import LabelMoments, LabelPrior, Pipeline, head_map
from predictor.worlds.splits import Parts, cut, fitted, thirds
from predictor.worlds.training import Training
from tests.reference import dense
from tests.reference.models import correlated, dimmed

ROWS = 60


def kernel_of(features):
    """Some kernel whose tasks the features see."""
    return flat_kernel(PrincipalKernel.of(features), 0.05)


@dataclass(frozen=True)
class Setting:
    """One split of one pool under one prior, with what the package makes of it."""

    strong: np.ndarray
    weak: np.ndarray
    prior: LabelPrior
    part: Parts
    pipeline: Pipeline
    student: HeadFactor
    training: Training

    @property
    def covariance(self):
        """Σ = K + σ² I over the whole pool."""
        return self.prior.kernel + self.prior.noise * np.eye(ROWS)


SETTINGS = {
    "narrow": (7, 4, 0.1, Training()),
    "wide": (50, 35, 0.1, Training()),
    "noisy": (7, 30, 0.6, Training()),
    "few gold rows": (7, 4, 0.1, Training(9, 34)),
    "few lessons": (50, 35, 0.4, Training(40, 8)),
    "own ridges": (50, 4, 0.1, Training(weak_ridge=0.2, student_ridge=0.003)),
    "own weak ridge": (7, 35, 0.4, Training(12, 30, weak_ridge=0.05)),
    "own student ridge": (7, 4, 0.1, Training(30, 12, student_ridge=3.0)),
}


@pytest.fixture(params=SETTINGS, scope="module")
def setting(request):
    d_strong, d_weak, noise, training = SETTINGS[request.param]
    rng = np.random.default_rng(d_strong + d_weak)
    strong = correlated(ROWS, d_strong, 0.7, rng)
    weak = dimmed(strong, d_weak, 0.4, rng)
    prior = LabelPrior.of("flat", kernel_of(strong), noise)
    part = cut(ROWS, *training.sizes(ROWS), rng)
    student = HeadFactor.of(strong[part.student], strong[part.test])
    teacher = HeadFactor.of(weak[part.weak], weak[np.concatenate([part.student, part.test])])
    pipeline = Pipeline.of(teacher, student, part, prior, training)
    return Setting(strong, weak, prior, part, pipeline, student, training)


def best_ridge(train, covariance):
    """The ridge with the least expected GCV score, every one scored by full matrices."""
    free = [b for b in RIDGES if np.trace(np.eye(len(train)) - dense.hat(train, train, b)) > 0.5]
    return min(free, key=lambda beta: dense.expected_gcv_score(train, covariance, beta))


def composed(setting):
    """(n_t, n) maps from the labels of the pool to the test predictions of weak head, student and ceiling."""
    s, part = setting, setting.part
    sigma = s.covariance
    own = s.training
    first = own.weak_ridge or best_ridge(s.weak[part.weak], sigma[np.ix_(part.weak, part.weak)])
    lesson = dense.spread_out(dense.hat(s.weak[part.weak], s.weak[part.student], first), part.weak, ROWS)
    weak = dense.spread_out(dense.hat(s.weak[part.weak], s.weak[part.test], first), part.weak, ROWS)
    second = own.student_ridge or best_ridge(s.strong[part.student], lesson @ sigma @ lesson.T)
    student = dense.hat(s.strong[part.student], s.strong[part.test], second) @ lesson
    third = own.student_ridge or best_ridge(s.strong[part.student], sigma[np.ix_(part.student, part.student)])
    ceiling = dense.spread_out(dense.hat(s.strong[part.student], s.strong[part.test], third), part.student, ROWS)
    return weak, student, ceiling


def test_expected_errors_are_traces_of_the_explicitly_composed_maps(setting):
    weak, student, ceiling = composed(setting)
    expected = [dense.expected_error(each, setting.part.test, setting.covariance) for each in (weak, student, ceiling)]
    gold = LabelMoments.of(setting.student.left, setting.part.student, setting.part.test, setting.prior)
    top = head_map(setting.student, gold, setting.training.student_ridge)
    found = [*setting.pipeline.expected_errors(), gold.expected_error(top)]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-10)


def test_predictions_for_drawn_labels_are_those_of_the_explicitly_composed_maps(setting):
    labels = setting.prior.draw(5, np.random.default_rng(0)) + 2.0
    weak, student, _ = composed(setting)
    found = setting.pipeline.predictions(labels)
    np.testing.assert_allclose(found[0], weak @ labels, atol=1e-10)
    np.testing.assert_allclose(found[1], student @ labels, atol=1e-10)


def test_errors_over_many_drawn_labels_average_to_the_expected_ones(setting):
    labels = setting.prior.draw(6000, np.random.default_rng(1))
    truth = labels[setting.part.test]
    weak, student, ceiling = composed(setting)
    gold = LabelMoments.of(setting.student.left, setting.part.student, setting.part.test, setting.prior)
    top = head_map(setting.student, gold, setting.training.student_ridge)
    expected = [*setting.pipeline.expected_errors(), gold.expected_error(top)]
    for each, claimed in zip((weak, student, ceiling), expected, strict=True):
        drawn = np.mean((truth - each @ labels) ** 2, axis=0)
        assert np.mean(drawn) == pytest.approx(claimed, abs=4 * np.std(drawn) / np.sqrt(len(drawn)))


def test_moments_are_those_of_full_covariance_matrices(setting):
    part, sigma = setting.part, setting.covariance
    left = setting.student.left
    found = LabelMoments.of(left, part.student, part.test, setting.prior)
    among, across = sigma[np.ix_(part.student, part.student)], sigma[np.ix_(part.student, part.test)]
    n = len(part.student)
    ones = np.ones(n) / n
    centring = np.eye(n) - np.ones((n, n)) / n
    np.testing.assert_allclose(found.spread, left.T @ among @ left, atol=1e-10)
    np.testing.assert_allclose(found.with_mean, left.T @ among @ ones, atol=1e-10)
    np.testing.assert_allclose(found.with_test, left.T @ across, atol=1e-10)
    assert found.of_mean == pytest.approx(ones @ among @ ones, abs=1e-12)
    assert found.total == pytest.approx(np.trace(centring @ among @ centring), abs=1e-10)
    assert found.mean_with_test == pytest.approx(np.mean(ones @ across), abs=1e-12)
    assert found.of_test == pytest.approx(np.mean(np.diag(sigma)[part.test]), abs=1e-12)


def test_moments_and_expected_error_by_hand():
    # Rows 0, 1 train, row 2 tests; K = [[3, 1, 1], [1, 2, −1], [1, −1, 2]], σ² = ½; U = (1, −1)ᵀ/√2.
    # q = (y₀ − y₁)/√2: E q² = (3 + 2 − 2)/2 + ½ = 2; E q ȳ = (3 + 1 − 1 − 2)/(2√2) = 1/(2√2).
    # E ȳ² = (7/2 + ½)/2 = 2; E‖y − ȳ‖² = 5 − 7/2 + ½ = 2; E q y_t = (1 + 1)/√2 = √2; E ȳ y_t = 0; E y_t² = 2.5.
    prior = LabelPrior("hand", np.array([[3.0, 1, 1], [1, 2, -1], [1, -1, 2]]), 0.5)
    left = np.array([[1.0], [-1.0]]) / 2.0**0.5
    found = LabelMoments.of(left, np.array([0, 1]), np.array([2]), prior)
    assert found.spread == pytest.approx(np.array([[2.0]]))
    assert found.with_mean == pytest.approx([1 / 8**0.5])
    assert (found.of_mean, found.total, found.of_test) == pytest.approx((2.0, 2.0, 2.5))
    assert found.with_test == pytest.approx(np.array([[2.0**0.5]]))
    assert found.mean_with_test == pytest.approx(0.0, abs=1e-12)
    # M = 3: 2.5 − 2 (0 + 3√2) + (2 + 2·3/√8 + 9·2) = 22.5 − 6√2 + 3/√2.
    assert found.expected_error(np.array([[3.0]])) == pytest.approx(22.5 - 6 * 2**0.5 + 3 / 2**0.5)


def test_a_prior_is_centred_and_has_unit_label_variance():
    rng = np.random.default_rng(2)
    raw = kernel_of(rng.standard_normal((20, 3))) + 0.1
    prior = LabelPrior.of("x", raw, 0.3)
    centring = np.eye(20) - np.ones((20, 20)) / 20
    centred = centring @ raw @ centring
    np.testing.assert_allclose(prior.kernel, centred * 0.7 * 20 / np.trace(centred), atol=1e-12)
    assert np.mean(np.diag(prior.kernel)) + prior.noise == pytest.approx(1.0, abs=1e-12)


def test_drawn_labels_have_the_covariance_of_the_prior():
    prior = LabelPrior.of("x", kernel_of(np.random.default_rng(3).standard_normal((8, 2))), 0.25)
    drawn = prior.draw(40_000, np.random.default_rng(4))
    expected = prior.kernel + 0.25 * np.eye(8)
    error = np.sqrt((expected**2 + np.outer(np.diag(expected), np.diag(expected))) / drawn.shape[1])
    assert np.all(np.abs(drawn @ drawn.T / drawn.shape[1] - expected) < 5 * error)


def test_flat_kernel_spreads_tasks_over_the_directions_above_its_ridge():
    features = correlated(15, 4, 0.5, np.random.default_rng(5)) * [1.0, 100.0, 1e-3, 7.0]
    scaled = dense.standardise(features)
    smoother = dense.hat(scaled, scaled, 0.1) - 1 / 15
    np.testing.assert_allclose(
        flat_kernel(PrincipalKernel.of(features), 0.1), smoother / np.trace(smoother), atol=1e-12
    )


def test_flat_kernel_by_hand():
    # λ = ¾ and ¼ at β = ¼: weights ¾ and ½, shares 3/5 and 2/5.
    vectors = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) / 2.0
    found = flat_kernel(PrincipalKernel(np.array([0.75, 0.25]), vectors), 0.25)
    np.testing.assert_allclose(found, vectors @ np.diag([0.6, 0.4]) @ vectors.T, atol=1e-15)


def test_the_consensus_weighs_models_by_the_root_of_their_size():
    rng = np.random.default_rng(6)
    small, large, unknown = (
        Representation(name, rng.standard_normal((12, 3)), size)
        for name, size in (("small", 100), ("large", 900), ("unknown", None))
    )
    # √100, √900, and √300 for the unknown one: 300 is the geometric mean of 100 and 900.
    shares = np.array([10.0, 30.0, 300**0.5]) / (40.0 + 300**0.5)
    np.testing.assert_allclose(sizes([small, large, unknown]), shares)
    np.testing.assert_allclose(sizes([unknown, unknown]), [0.5, 0.5])
    expected = sum(a * flat_kernel(m.kernel, 0.1) for a, m in zip(shares, (small, large, unknown), strict=True))
    np.testing.assert_allclose(consensus_kernel([small, large, unknown], 0.1), expected, atol=1e-15)


def test_a_constant_model_sees_no_task():
    rng = np.random.default_rng(6)
    seeing, blind = Representation("a", rng.standard_normal((12, 3))), Representation("b", np.ones((12, 3)))
    np.testing.assert_allclose(consensus_kernel([seeing, blind], 0.1), flat_kernel(seeing.kernel, 0.1) / 2, atol=1e-15)


def test_more_noise_leaves_the_same_tasks_less_of_the_unit_variance():
    # Mean diagonal .8 at σ² = .2; at σ² = .6 every entry is half of that: .4/.8.
    prior = LabelPrior.of("x", kernel_of(np.random.default_rng(1).standard_normal((9, 2))), 0.2)
    found = prior.with_noise(0.6)
    np.testing.assert_allclose(found.kernel, prior.kernel / 2.0, atol=1e-12)
    assert (found.name, found.noise) == ("x", 0.6)
    assert np.mean(np.diag(found.kernel)) == pytest.approx(0.4)


def test_thirds_are_disjoint_random_and_cover_the_pool():
    part = thirds(50, np.random.default_rng(7))
    assert [len(rows) for rows in (part.weak, part.student, part.test)] == [16, 16, 18]
    assert sorted(np.concatenate([part.weak, part.student, part.test])) == list(range(50))
    assert not np.array_equal(part.weak, thirds(50, np.random.default_rng(8)).weak)


def test_too_few_rows_for_thirds_are_refused_with_the_least_that_works():
    with pytest.raises(InputError, match=r"23 rows are too few.*at least 24"):
        thirds(23, np.random.default_rng(0))
    assert len(thirds(24, np.random.default_rng(0)).test) == 8


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
    estimator = LabelPriorSimulation(noises=(0.1, 0.5), draws=40, most_rounds=1)
    return Simulated(case, estimator, estimator.forecast(case))


def test_a_forecast_has_the_differences_of_even_tasks_and_the_level_of_all(simulated):
    case, strong = simulated.case, simulated.case.strong.features
    rng = case.rng("label_prior_simulation")
    priors = (*simulated.estimator.priors(case), *simulated.estimator.easier(case))
    for prior in priors:
        prior.draw(80, rng)
    expected, ceilings = [], []
    for noise in (0.1, 0.5):
        part = thirds(90, rng)
        rng.multinomial(30, np.full(30, 1 / 30), 40)
        student = HeadFactor.of(strong[part.student], strong[part.test])
        others = np.concatenate([part.student, part.test])
        heads = [HeadFactor.of(w.features[part.weak], w.features[others]) for w in case.weak]
        for prior in (each.with_noise(noise) for each in priors):
            rng.standard_normal((90, 40))
            expected.append([Pipeline.of(h, student, part, prior).expected_errors() for h in heads])
            gold = LabelMoments.of(student.left, part.student, part.test, prior)
            ceilings.append(gold.expected_error(head_map(student, gold)))
    even = [0, 1, 4, 5]
    err_w, err_w2s = np.mean([expected[i] for i in even], axis=0).T
    easier = np.mean(np.array(expected)[:, :, 1]) - err_w2s.mean()
    assert easier < -0.05
    np.testing.assert_allclose(simulated.forecast.error, err_w2s + easier, atol=1e-12)
    np.testing.assert_allclose(simulated.forecast.gain, err_w - err_w2s, atol=1e-12)
    assert simulated.forecast.ceiling == pytest.approx(np.mean(ceilings), abs=1e-12)


def test_the_priors_are_even_tasks_of_the_strong_model_and_of_all_and_easier_ones_of_the_strong(simulated):
    case = simulated.case
    models = [PrincipalKernel.of(r.features) for r in (case.strong, *case.weak)]
    own = models[0].vectors @ np.diag(models[0].values) @ models[0].vectors.T
    even = (flat_kernel(models[0], 0.03), sum(flat_kernel(m, 0.03) for m in models))
    easier = (own @ own, own @ own @ own @ own)
    found = (*simulated.estimator.priors(case), *simulated.estimator.easier(case))
    for prior, raw in zip(found, (*even, *easier), strict=True):
        np.testing.assert_allclose(prior.kernel, raw * 90 / np.trace(raw), atol=1e-12)
        assert prior.noise == 0.0


def test_draws_are_paired_and_scatter_around_the_expectation(simulated):
    forecast = simulated.forecast
    assert forecast.error_draws.shape == forecast.gain_draws.shape == (3, 2 * 4 * 40)
    even = np.arange(2 * 4 * 40) % 160 < 80
    for drawn, expected in (
        (forecast.error_draws.mean(axis=0)[None], forecast.error.mean()),
        (np.diff(forecast.error_draws[:, even], axis=0), np.diff(forecast.error)),
        (forecast.gain_draws[:, even], forecast.gain),
    ):
        standard_error = drawn.std(axis=1) / np.sqrt(drawn.shape[1])
        assert np.all(np.abs(drawn.mean(axis=1) - expected) < 4 * standard_error)
    # Candidates see the same worlds: a task that is hard for one is hard for the next.
    assert np.corrcoef(forecast.error_draws[1], forecast.error_draws[2])[0, 1] > 0.5


def test_the_fewer_the_rows_the_oftener_they_are_split_anew(simulated):
    steady, once = LabelPriorSimulation(), LabelPriorSimulation(most_rounds=1)
    assert [steady.rounds(n) for n in (24, 200, 220, 300, 400, 480, 640, 5000)] == [8, 8, 7, 4, 2, 2, 1, 1]
    errors = [
        [estimator.forecast(replace(simulated.case, seed=seed)).error for seed in range(6)]
        for estimator in (once, steady)
    ]
    spread = [np.diff(found, axis=1).std(axis=0).mean() for found in errors]
    assert spread[1] < 0.6 * spread[0]


def test_however_often_rows_are_split_there_are_as_many_draws(simulated):
    for most in (1, 2, 8):
        found = LabelPriorSimulation(most_rounds=most).forecast(simulated.case)
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
    """So it beats all 19 once in 20 times; judged under a prior that it is part of itself, it nearly always would."""
    first = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, 3])
        strong = correlated(60, 8, 0.7, rng)
        case = Case(Representation("s", strong), (Representation("noise", rng.standard_normal((60, 8))),), seed=seed)
        found = LabelPriorSimulation(draws=2, most_rounds=1).forecast(case)
        first += bool(found.error[0] < found.null_draws.min())
    assert first <= 6


def test_larger_pools_are_cut_and_the_answer_says_so(simulated):
    found = LabelPriorSimulation(noises=(0.1,), draws=2, max_rows=60).forecast(simulated.case)
    assert found.notes == ("simulated on 60 of 90 rows, a third of them for each head",)
    assert simulated.forecast.notes == ()


@pytest.mark.parametrize(
    ("rows", "asked", "shown"),
    [
        (800, (60, 400), (60, 400)),
        (100, (33, 57), (33, 57)),  # 10 of 100 rows are left to test on
        (100, (33, 58), (33, 57)),
        (2000, (500, 50_000), (500, 1300)),
        (2000, (50_000, 500), (1300, 500)),
        (2000, (5000, 50_000), (900, 900)),
        (24, (8, 8), (8, 8)),
        (24, (9, 8), (8, 8)),
        (25, (100, 100), (8, 9)),  # 17 rows of room
    ],
)
def test_parts_too_large_for_the_rows_are_cut_where_the_last_rows_matter_least(rows, asked, shown):
    assert fitted(rows, *asked) == shown


def test_thirds_always_fit():
    for rows in range(24, 400):
        assert fitted(rows, rows // 3, rows // 3) == (rows // 3, rows // 3)


def forecast_of(simulated, training, **changes):
    estimator = LabelPriorSimulation(**{"noises": (0.1, 0.5), "draws": 4, "most_rounds": 1} | changes)
    return estimator, estimator.forecast(replace(simulated.case, training=training))


@pytest.mark.parametrize("training", [Training(9, 50), Training(30, 12, 0.2, 0.01), Training(student_ridge=1.0)])
def test_a_forecast_follows_the_training_asked_for(simulated, training):
    case, strong = simulated.case, simulated.case.strong.features
    estimator, found = forecast_of(simulated, training)
    rng = case.rng("label_prior_simulation")
    priors = (*estimator.priors(case), *estimator.easier(case))
    for prior in priors:
        prior.draw(8, rng)
    expected, ceilings = [], []
    for noise in (0.1, 0.5):
        part = cut(90, *training.sizes(90), rng)
        assert len(part.weak) == (training.weak_rows or 30)
        assert len(part.student) == (training.student_rows or 30)
        tests = len(part.test)
        rng.multinomial(tests, np.full(tests, 1 / tests), 4)
        student = HeadFactor.of(strong[part.student], strong[part.test])
        others = np.concatenate([part.student, part.test])
        heads = [HeadFactor.of(w.features[part.weak], w.features[others]) for w in case.weak]
        for prior in (each.with_noise(noise) for each in priors):
            rng.standard_normal((90, 4))
            expected.append([Pipeline.of(h, student, part, prior, training).expected_errors() for h in heads])
            gold = LabelMoments.of(student.left, part.student, part.test, prior)
            ceilings.append(gold.expected_error(head_map(student, gold, training.student_ridge)))
    even = [0, 1, 4, 5]
    err_w, err_w2s = np.mean([expected[i] for i in even], axis=0).T
    easier = np.mean(np.array(expected)[:, :, 1]) - err_w2s.mean()
    np.testing.assert_allclose(found.error, err_w2s + easier, atol=1e-12)
    np.testing.assert_allclose(found.gain, err_w - err_w2s, atol=1e-12)
    assert found.ceiling == pytest.approx(np.mean(ceilings), abs=1e-12)
    assert found.warnings == ()


def test_drawn_outcomes_of_the_training_asked_for_scatter_around_the_expected_ones(simulated):
    estimator = LabelPriorSimulation(noises=(0.1, 0.5), draws=100, most_rounds=1)
    found = estimator.forecast(replace(simulated.case, training=Training(12, 20, 0.5, 0.5)))
    drawn, even = found.error_draws.mean(axis=0), np.arange(2 * 4 * 100) % 400 < 200
    for one, expected in ((drawn, found.error.mean()), (found.gain_draws[:, even].mean(axis=0), found.gain.mean())):
        assert np.mean(one) == pytest.approx(expected, abs=4 * np.std(one) / np.sqrt(len(one)))
    assert abs(estimator.forecast(simulated.case).error.mean() - np.mean(drawn)) > 4 * np.std(drawn) / np.sqrt(800)


def test_more_gold_rows_make_better_teachers_and_a_huge_ridge_a_student_that_knows_the_mean_only(simulated):
    few, many = (forecast_of(simulated, Training(weak_rows=n, student_rows=30), most_rounds=8)[1] for n in (10, 45))
    assert np.all(many.error + many.gain < few.error + few.gain)
    blunt = forecast_of(simulated, Training(student_ridge=1e9))[1]
    assert blunt.ceiling == pytest.approx(1.0, abs=0.1)
    np.testing.assert_allclose(blunt.error, blunt.error.mean(), atol=0.02)


def test_a_training_larger_than_the_pool_is_simulated_at_the_nearest_size_and_the_answer_says_so(simulated):
    _, found = forecast_of(simulated, Training(20, 50_000))
    assert found.notes == ()
    assert found.warnings == (
        "simulated with 20 rows for each weak head and 61 for the student, as 90 rows can show no more; with 20 and "
        "50000, as is to be foretold, expect lower errors",
    )
    _, exact = forecast_of(simulated, Training(20, 61))
    np.testing.assert_array_equal(found.error, exact.error)


def test_a_training_that_fits_the_pool_but_not_the_rows_simulated_is_told_too(simulated):
    _, found = forecast_of(simulated, Training(30, 50), max_rows=60)
    assert found.notes == ("simulated on 60 of 90 rows",)
    assert found.warnings == (
        "simulated with 26 rows for each weak head and 26 for the student, as 60 rows can show no more; with 30 and "
        "50, as is to be foretold, expect lower errors",
    )
    _, small = forecast_of(simulated, Training(12, 30), max_rows=60)
    assert (small.notes, small.warnings) == (("simulated on 60 of 90 rows",), ())


def test_the_null_is_of_heads_with_the_ridges_asked_for(simulated):
    # Weak heads of huge ridge say the mean whatever their rows are paired with: shuffling takes nothing from them.
    _, found = forecast_of(simulated, Training(weak_ridge=1e9))
    np.testing.assert_allclose(
        found.null_draws, np.broadcast_to(found.error[:, None], found.null_draws.shape), atol=1e-6
    )
    _, free = forecast_of(simulated, Training())
    assert np.abs(free.null_draws - free.error[:, None]).min() > 1e-3
