"""Logistic and log-linear heads against scikit-learn on hard labels, and against plain objectives on soft ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from predictor.heads.logistic import fit_log_linear, fit_logistic, fold_of, held_out

ROWS = 60


def design(dims=5, rows=ROWS):
    return np.random.default_rng(0).standard_normal((rows, dims)) * np.linspace(1.5, 0.3, dims)


def soft(classes, rows=ROWS):
    return np.random.default_rng(1).dirichlet(np.ones(classes), rows)


def objective(flat, features, targets, ridge):
    """The mean over rows of −Σ_j y_j log p_j plus ridge/2 times the squared weights, written out row by row."""
    columns = 1 if targets.shape[1] == 2 else targets.shape[1]
    theta = flat.reshape(features.shape[1] + 1, columns)
    total = 0.0
    for row, target in zip(features, targets, strict=True):
        logits = theta[0] + row @ theta[1:]
        odds = np.append(1.0, np.exp(logits)) if columns == 1 else np.exp(logits)
        total -= sum(y * np.log(p) for y, p in zip(target, odds / odds.sum(), strict=True))
    return total / len(features) + ridge / 2.0 * np.sum(theta[1:] ** 2)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0])
def test_hard_labels_give_the_probabilities_of_scikit_learn(classes, ridge):
    features = design()
    codes = (features[:, :classes] + 0.5 * soft(classes)).argmax(axis=1)
    found = fit_logistic(features, np.eye(classes)[codes], np.array([ridge]), tolerance=1e-14)
    second = LogisticRegression(C=1.0 / (ROWS * ridge), tol=1e-12, max_iter=10_000).fit(features, codes)
    np.testing.assert_allclose(found.predict(features)[:, 0], second.predict_proba(features), atol=2e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_soft_labels_reach_the_minimum_of_the_plain_objective(classes):
    features, targets, ridge = design(3), soft(classes), 0.03
    found = fit_logistic(features, targets, np.array([ridge]), tolerance=1e-16)
    flat = found.coefficients[:, 0].reshape(-1)
    slope = approx_fprime(flat, objective, 1e-6, features, targets, ridge)
    assert np.abs(slope).max() < 2e-6
    second = minimize(objective, np.zeros_like(flat), args=(features, targets, ridge), tol=1e-10)
    assert objective(flat, features, targets, ridge) == pytest.approx(second.fun, abs=1e-9)


def test_the_decrement_bounds_what_is_left_to_gain():
    features, targets, ridge = design(3), soft(2), 0.03
    rough = fit_logistic(features, targets, np.array([ridge]), tolerance=1e-2)
    fine = fit_logistic(features, targets, np.array([ridge]), tolerance=1e-16)
    assert rough.decrement[0] <= 1e-2
    left = [objective(h.coefficients[:, 0].reshape(-1), features, targets, ridge) for h in (rough, fine)]
    assert 0.0 <= left[0] - left[1] < 1e-2


@pytest.mark.parametrize("fit", [fit_logistic, fit_log_linear])
def test_the_intercept_is_free_so_that_the_mean_is_met_whatever_the_ridge(fit):
    targets = soft(3) if fit is fit_logistic else np.exp(design(1))
    heads = fit(design(), targets, np.array([1e-3, 1.0, 1e6]), tolerance=1e-16)
    for i in range(3):
        np.testing.assert_allclose(heads.predict(design())[:, i].mean(axis=0), targets.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(heads.predict(design())[:, 2], np.tile(targets.mean(axis=0), (ROWS, 1)), atol=1e-4)


def test_one_row_by_hand():
    """Two rows ±x with labels ½ ± ½ tanh: the weight solves x (p − y) + ridge w = 0 with p = σ(w x)."""
    x, w, ridge = 2.0, 0.7, 0.1
    p = 1.0 / (1.0 + np.exp(-w * x))
    y = p + ridge * w / x
    found = fit_logistic(np.array([[x], [-x]]), np.array([[1 - y, y], [y, 1 - y]]), np.array([ridge]), tolerance=1e-18)
    assert found.coefficients[:, 0, 0] == pytest.approx([0.0, w], abs=1e-8)


@pytest.mark.parametrize("fit", [fit_logistic, fit_log_linear])
def test_a_block_of_heads_is_each_head_on_its_own_rows(fit):
    rng = np.random.default_rng(3)
    features, targets = design(), soft(3) if fit is fit_logistic else np.exp(design(1))
    rows = rng.uniform(size=(ROWS, 4)) < 0.6
    ridges = np.array([1e-3, 1e-2, 1e-1, 1.0])
    together = fit(features, targets, ridges, rows, tolerance=1e-15)
    for i, ridge in enumerate(ridges):
        kept = rows[:, i]
        alone = fit(features[kept], targets[kept], np.array([ridge]), tolerance=1e-15)
        np.testing.assert_allclose(together.predict(features)[:, i], alone.predict(features)[:, 0], atol=1e-5)


def test_positive_outputs_are_those_of_scikit_learns_poisson_regression():
    features = design()
    targets = np.exp(0.4 * features[:, :1] + 0.3 * np.random.default_rng(4).standard_normal((ROWS, 1)))
    for ridge in (1e-3, 0.1):
        found = fit_log_linear(features, targets, np.array([ridge]), tolerance=1e-15).predict(features)[:, 0, 0]
        second = PoissonRegressor(alpha=ridge, tol=1e-12, max_iter=10_000).fit(features, targets[:, 0])
        np.testing.assert_allclose(found, second.predict(features), atol=1e-5)


def test_held_out_predictions_are_an_explicit_loop_over_folds():
    features, targets, ridges = design(), soft(3), np.array([1e-2, 1.0])
    folds = fold_of(ROWS, 4, np.random.default_rng(5))
    assert np.bincount(folds).tolist() == [15, 15, 15, 15]
    found = held_out(fit_logistic, features, targets, folds, ridges)
    assert found.shape == (ROWS, 2, 3)
    for fold in range(4):
        held = folds == fold
        heads = fit_logistic(features[~held], targets[~held], ridges, tolerance=1e-14)
        np.testing.assert_allclose(found[held], heads.predict(features[held]), atol=1e-3)


def test_separable_classes_with_next_to_no_ridge_still_end():
    features = design()
    codes = (features[:, 0] > 0).astype(int)
    found = fit_logistic(features, np.eye(2)[codes], np.array([1e-8]))
    assert found.decrement[0] <= 1e-8
    assert np.all(found.predict(features)[:, 0].argmax(axis=1) == codes)


def test_one_class_among_the_rows_is_answered():
    found = fit_logistic(design(), np.tile([1.0, 0.0], (ROWS, 1)), np.array([1e-2]))
    assert np.isfinite(found.coefficients).all()
    assert found.predict(design())[:, 0, 0].min() > 0.99
