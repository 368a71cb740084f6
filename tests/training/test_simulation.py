"""Expected errors of the simulated pipeline against explicit n × n hat matrices and against drawn labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from predictor.estimators.priors import flat_kernel
from predictor.heads.ridge import RIDGES, FactoredRidge
from predictor.query.training_plan import Training
from predictor.spectral.spectra import PrincipalKernel
from predictor.training.simulation import LabelMoments, LabelPrior, Pipeline, head_map, weak_moments
from predictor.training.splits import Parts, cut
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
    student: FactoredRidge
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
    student = FactoredRidge.of(strong[part.student], strong[part.test])
    teacher = FactoredRidge.of(weak[part.weak], weak[np.concatenate([part.student, part.test])])
    pipeline = Pipeline.of(teacher, student, part, prior, training)
    return Setting(strong, weak, prior, part, pipeline, student, training)


def best_ridge(train, covariance):
    """The ridge of the least expected error on rows left out, every one scored by full matrices."""
    return min(RIDGES, key=lambda beta: dense.expected_press(train, covariance, beta))


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


def test_more_noise_leaves_the_same_tasks_less_of_the_unit_variance():
    # Mean diagonal .8 at σ² = .2; at σ² = .6 every entry is half of that: .4/.8.
    prior = LabelPrior.of("x", kernel_of(np.random.default_rng(1).standard_normal((9, 2))), 0.2)
    found = prior.with_noise(0.6)
    np.testing.assert_allclose(found.kernel, prior.kernel / 2.0, atol=1e-12)
    assert (found.name, found.noise) == ("x", 0.6)
    assert np.mean(np.diag(found.kernel)) == pytest.approx(0.4)


def test_weak_labels_vary_together_as_explicit_maps_of_the_same_gold_rows_say(setting):
    """Row-centred hat matrices of two models, over the prior's covariance of all rows."""
    part, sigma, ridge = setting.part, setting.covariance, setting.training.weak_ridge
    models = [setting.weak, setting.strong[:, :5]]
    heads = [FactoredRidge.of(x[part.weak], x[part.test]) for x in models]
    found = weak_moments(heads, part.weak, part.test, setting.prior, setting.training)
    among = sigma[np.ix_(part.weak, part.weak)]
    maps = []
    for x in models:
        beta = ridge or best_ridge(x[part.weak], among)
        maps.append(dense.spread_out(dense.hat(x[part.weak], x[part.test], beta), part.weak, ROWS))
    count = len(part.test)
    centring = np.eye(count) - np.ones((count, count)) / count
    truth = np.eye(ROWS)[part.test]
    for i, one in enumerate(maps):
        for j, other in enumerate(maps):
            spread = np.trace(centring @ one @ sigma @ other.T) / count
            assert found.spread[i, j] == pytest.approx(spread, abs=1e-10)
        assert found.with_truth[i] == pytest.approx(np.trace(centring @ one @ sigma @ truth.T) / count, abs=1e-10)


def test_what_heads_share_of_the_noise_of_their_gold_rows_is_no_sign_of_truth():
    """Labels of noise alone: heads on the same rows agree, and none of them covaries with the truth."""
    rng = np.random.default_rng(3)
    features = correlated(ROWS, 6, 0.7, rng)
    part = cut(ROWS, 20, 20, rng)
    noise = LabelPrior("noise", np.zeros((ROWS, ROWS)), 1.0)
    head = FactoredRidge.of(features[part.weak], features[part.test])
    found = weak_moments([head, head], part.weak, part.test, noise, Training(weak_ridge=0.01))
    assert found.spread[0, 1] == pytest.approx(found.spread[0, 0], rel=1e-12)
    assert found.spread[0, 0] > 0.05
    assert np.abs(found.with_truth).max() < 1e-15
