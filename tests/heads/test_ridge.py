"""Ridge heads and generalised cross-validation against explicit hat matrices, scikit-learn and hand arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from predictor.heads.ridge import RIDGES, HeadFactor
from tests.reference import dense
from tests.reference.models import correlated

SHAPES = [(30, 20, 6), (24, 9, 23), (20, 15, 50)]


@pytest.fixture(params=SHAPES, ids=lambda s: "x".join(map(str, s)))
def parts(request):
    train, other, dims = request.param
    rng = np.random.default_rng(train + dims)
    rows = correlated(train + other, dims, 0.6, rng)
    return rows[:train], rows[train:], rng.standard_normal((train, 3)) + 5.0


@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0])
def test_predictions_are_the_explicit_hat_matrix_times_the_labels(parts, ridge):
    train, other, labels = parts
    np.testing.assert_allclose(
        HeadFactor.of(train, other).predict(labels, ridge), dense.hat(train, other, ridge) @ labels, atol=1e-10
    )


@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0])
def test_predictions_are_those_of_scikit_learn_with_alpha_n_times_ridge(parts, ridge):
    """‖y − Zw‖² + α‖w‖² and K = ZZᵀ/n agree at α = n β."""
    train, other, labels = parts
    second = Ridge(alpha=len(train) * ridge, solver="svd").fit(dense.standardise(train), labels)
    np.testing.assert_allclose(
        HeadFactor.of(train, other).predict(labels, ridge), second.predict(dense.standardise(train, other)), atol=1e-10
    )


def test_each_column_may_have_its_own_ridge(parts):
    train, other, labels = parts
    ridges = np.array([1e-3, 0.1, 10.0])
    together = HeadFactor.of(train, other).predict(labels, ridges)
    for k, ridge in enumerate(ridges):
        np.testing.assert_allclose(together[:, k], dense.hat(train, other, ridge) @ labels[:, k], atol=1e-10)


def test_a_head_by_hand():
    # Training features 0, 2, 4, 6: mean 3, variance (9 + 1 + 1 + 9)/4 = 5; z = (x − 3)/√5, d' = 1, λ = 1.
    # Labels 1, 1, 3, 7: mean 3, slope per x at no ridge = (−3·−2 + −1·−2 + 1·0 + 3·4)/20 = 1.
    # Ridge ¼ keeps 1/(1 + ¼) = 0.8 of it: f(x) = 3 + 0.8 (x − 3); at 8 it is 7, at 3 it is 3.
    head = HeadFactor.of(np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([[8.0], [3.0]]))
    np.testing.assert_allclose(head.predict(np.array([[1.0], [1.0], [3.0], [7.0]]), 0.25), [[7.0], [3.0]], atol=1e-12)


def test_gcv_by_hand():
    # As above: energy along the feature (Uᵀ(y − ȳ))² = (Σ z y)²/n = (20/√5)²/4 = 20, total 4 + 4 + 0 + 16 = 24.
    # β = ¼: residual 4 + (1/5)² 20 = 4.8, freedom 3 − .8 = 2.2: 4.8/4.84 = .99174
    # β = 1: residual 4 + (1/2)² 20 = 9, freedom 3 − .5 = 2.5: 9/6.25 = 1.44
    # β = 1/99: residual 4 + (1/100)² 20 = 4.002, freedom 3 − .99 = 2.01: 4.002/4.0401 = .99057, the least.
    head = HeadFactor.of(np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([[8.0]]))
    labels = np.array([[1.0], [1.0], [3.0], [7.0]])
    assert head.gcv(labels, np.array([0.25, 1.0]))[0] == 0.25
    assert head.gcv(labels, np.array([0.25, 1.0, 1.0 / 99.0]))[0] == 1.0 / 99.0


def test_gcv_picks_the_ridge_with_the_least_brute_force_score(parts):
    train, other, labels = parts
    rng = np.random.default_rng(2)
    slopes = rng.standard_normal((train.shape[1], 4))
    signal = dense.standardise(train) @ slopes
    labels = np.hstack(
        [labels, signal + rng.standard_normal(signal.shape) * [0.05, 0.3, 1.0, 3.0] * signal.std(axis=0)]
    )
    picked = HeadFactor.of(train, other).gcv(labels)
    assert len(set(picked)) > 1
    for k, ridge in enumerate(picked):
        least = {beta: dense.gcv_score(train, labels[:, k], beta) for beta in admissible(train)}
        assert ridge == min(least, key=least.__getitem__)


def admissible(train):
    """Ridges that leave half a degree of freedom: a head closer to interpolation than that is not scored."""
    return [b for b in RIDGES if np.trace(np.eye(len(train)) - dense.hat(train, train, b)) > 0.5]


def test_an_interpolating_ridge_is_never_picked():
    """d > n: at the least ridge tr(I − S) is near 0, and the score 0/0 up to rounding."""
    rng = np.random.default_rng(3)
    train = rng.standard_normal((12, 400))
    labels = dense.standardise(train) @ rng.standard_normal((400, 2))
    for ridge in HeadFactor.of(train, train).gcv(labels):
        assert ridge in admissible(train)


def test_gcv_of_expected_energies_minimises_the_expected_score(parts):
    """E ‖(I − S) y‖² = tr((I − S) Σ (I − S)ᵀ) with full matrices, over every ridge."""
    train, other, _ = parts
    root = np.random.default_rng(4).standard_normal((len(train), 5))
    covariance = root @ root.T + 0.2 * np.eye(len(train))
    head = HeadFactor.of(train, other)
    centring = np.eye(len(train)) - 1.0 / len(train)
    energy = np.diag(head.left.T @ covariance @ head.left)[:, None]
    picked = head.gcv_of_energy(energy, np.array([np.trace(centring @ covariance @ centring)]))[0]
    scores = {beta: dense.expected_gcv_score(train, covariance, beta) for beta in admissible(train)}
    assert picked == min(scores, key=scores.__getitem__)


def test_labels_that_do_not_vary_are_predicted_as_they_are(parts):
    train, other, _ = parts
    labels = np.full((len(train), 1), 4.0)
    head = HeadFactor.of(train, other)
    np.testing.assert_allclose(head.predict(labels, head.gcv(labels)), 4.0)


def test_a_head_on_constant_features_predicts_the_mean():
    head = HeadFactor.of(np.ones((6, 2)), np.arange(8.0).reshape(4, 2))
    labels = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [8.0]])
    np.testing.assert_array_equal(head.predict(labels, head.gcv(labels)), np.full((4, 1), 3.0))


def test_a_dimension_that_varies_only_outside_the_training_rows_is_not_used():
    rng = np.random.default_rng(5)
    train, other = rng.standard_normal((10, 3)), rng.standard_normal((7, 3))
    labels = rng.standard_normal((10, 1))
    wide = HeadFactor.of(np.hstack([train, np.ones((10, 1))]), np.hstack([other, 1e9 * np.ones((7, 1))]))
    np.testing.assert_allclose(wide.predict(labels, 0.1), HeadFactor.of(train, other).predict(labels, 0.1), atol=1e-12)


def test_shuffling_breaks_the_pairing_and_nothing_else(parts):
    train, other, labels = parts
    head = HeadFactor.of(train, other)
    order = np.random.default_rng(6).permutation(len(train))
    mixed = head.shuffled(np.random.default_rng(6))
    # Permuting the rows of U is permuting the labels the other way round.
    back = np.argsort(order)
    np.testing.assert_allclose(mixed.predict(labels, 0.1), head.predict(labels[back], 0.1), atol=1e-10)
    assert np.abs(mixed.predict(labels, 0.1) - head.predict(labels, 0.1)).max() > 1e-3


def test_the_ridges_tried_span_a_millionth_to_ten_times_the_trace():
    assert (RIDGES[0], RIDGES[-1]) == pytest.approx((1e-6, 10.0))
    assert np.all(np.diff(RIDGES) > 0)
