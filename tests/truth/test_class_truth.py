"""Classes from a posterior of codes: the sigmoid against scikit-learn's, draws against their probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from scipy.stats import norm
from sklearn.calibration import _sigmoid_calibration

from predictor.truth.class_truth import RIDGE, ClassTruth, class_probabilities
from predictor.truth.posterior import truth_posterior
from tests.reference.models import correlated

ROWS, GOLD = 260, 120


def setting(classes=2, signal=2.0, seed=0):
    """A posterior of 0/1 or one-hot codes on the rows beyond the gold ones, with those codes."""
    rng = np.random.default_rng(seed)
    features = correlated(ROWS, 6, 0.7, rng)
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    scores = signal * z[:, : max(classes, 2)] + rng.logistic(size=(ROWS, max(classes, 2)))
    named = (scores[:, 0] > 0).astype(int) if classes == 2 else scores.argmax(axis=1)
    codes = named[:, None].astype(float) if classes == 2 else np.eye(classes)[named]
    gold = codes[:GOLD]
    centred = (gold - gold.mean(axis=0)) / np.sqrt(np.sum(np.var(gold, axis=0)))
    posterior = truth_posterior(features, [], centred, np.arange(GOLD), np.arange(GOLD, ROWS), rng)
    return posterior, gold, codes[GOLD:]


def test_the_sigmoid_is_platts_on_gold_rows_left_out():
    posterior, gold, _ = setting()
    slope, offset = _sigmoid_calibration(posterior.left_out[:, 0], gold[:, 0].astype(int))
    expected = 1 / (1 + np.exp(slope * posterior.mean[:, 0] + offset))
    assert ClassTruth.of(posterior, gold).mean[:, 0] == pytest.approx(expected, abs=2e-3)


def test_of_more_classes_it_is_the_softmax_that_gold_rows_left_out_like_best():
    """One slope, and an offset per class; the naive twin asks a general optimiser without gradients."""
    posterior, gold, _ = setting(3)
    scale = np.sqrt(np.mean(posterior.left_out**2))
    shares = np.log((gold.sum(axis=0) + 1) / (len(gold) + 3))

    def loss(at):
        logs = log_softmax(at[0] * posterior.left_out / scale + at[1:], axis=1)
        pull = RIDGE * at[0] ** 2 + np.sum((at[1:] - shares) ** 2) / len(gold)
        return -np.mean(np.sum(gold * logs, axis=1)) + pull / 2

    start, options = np.array([1.0, *shares]), {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 10_000, "maxfev": 10_000}
    slope, *offsets = minimize(loss, start, method="Nelder-Mead", options=options).x
    expected = softmax(slope * posterior.mean / scale + offsets, axis=1)
    assert ClassTruth.of(posterior, gold).mean == pytest.approx(expected, abs=1e-5)


def test_many_classes_are_not_underrated():
    """Sigmoids of each class against the rest, scaled to sum to 1, would be sure of 60 % of these rows."""
    rng = np.random.default_rng(0)
    named = rng.integers(20, size=2300)
    codes = np.eye(20)[named]
    scores = 0.2 * codes + 0.07 * rng.standard_normal(codes.shape)
    _, found = class_probabilities(scores[:300], scores[300:], codes[:300])
    right = np.mean(found.argmax(axis=1) == named[300:])
    assert right == pytest.approx(0.8, abs=0.02)
    assert found.max(axis=1).mean() == pytest.approx(right, abs=0.05)


def test_classes_next_to_each_other_by_name_are_drawn_together_no_more_than_others():
    """Two rows that are alike, each in one of three classes by equal probabilities."""
    root = np.sqrt(0.9) * np.ones((2, 1))
    found = ClassTruth(np.full((2, 3), 1 / 3), 3, root, np.full(2, np.sqrt(0.1)), 0.1)
    drawn = found.draw(30000, np.random.default_rng(0))
    together = np.einsum("ar,br->ab", drawn[0], drawn[1]) / 30000
    assert np.diag(together).sum() > 0.6
    assert np.diag(together) == pytest.approx(np.full(3, np.diag(together).mean()), abs=0.01)
    apart = together[~np.eye(3, dtype=bool)]
    assert apart == pytest.approx(np.full(6, apart.mean()), abs=0.01)


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_are_probabilities_that_know_something(classes):
    posterior, gold, truth = setting(classes)
    found = ClassTruth.of(posterior, gold)
    assert found.probability.shape == (ROWS - GOLD, classes)
    assert found.probability.sum(axis=1) == pytest.approx(np.ones(ROWS - GOLD))
    assert (found.probability > 0).all()
    missed = np.mean(np.sum((found.mean - truth) ** 2, axis=1))
    ignorant = np.mean(np.sum((gold.mean(axis=0) - truth) ** 2, axis=1))
    assert missed < 0.8 * ignorant
    assert found.spread == pytest.approx(missed, rel=0.25)


def test_scores_that_do_not_rise_with_the_class_give_its_share_to_every_row():
    posterior, _, _ = setting(signal=0.0, seed=1)
    turned = np.where(posterior.left_out[:, 0] < np.median(posterior.left_out[:, 0]), 1.0, 0.0)[:, None]
    found = ClassTruth.of(posterior, turned)
    assert np.ptp(found.mean) == 0.0
    assert found.mean[0, 0] == pytest.approx(0.5, abs=0.01)


def test_scores_that_fall_with_their_classes_give_shares_to_every_row():
    named = np.repeat([0, 1, 2], [10, 20, 30])
    codes = np.eye(3)[named]
    left, right = class_probabilities(-codes, np.random.default_rng(0).standard_normal((50, 3)), codes)
    assert np.ptp(right, axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
    assert left[0] == pytest.approx([1 / 6, 1 / 3, 1 / 2], abs=0.02)


@pytest.mark.parametrize("classes", [2, 3])
def test_draws_have_the_probabilities_as_their_shares(classes):
    posterior, gold, _ = setting(classes)
    found = ClassTruth.of(posterior, gold)
    drawn = found.draw(4000, np.random.default_rng(0))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn.mean(axis=2) == pytest.approx(found.mean, abs=0.05)
    if classes > 2:
        assert (drawn.sum(axis=1) == 1).all()


def test_the_latent_is_standard_normal_in_every_row_and_correlated_as_the_posterior_is():
    posterior, gold, _ = setting()
    found = ClassTruth.of(posterior, gold)
    assert np.sum(found.root**2, axis=1) + found.own**2 == pytest.approx(np.ones(ROWS - GOLD))
    between = posterior.covariance / np.sqrt(np.outer(posterior.variance, posterior.variance))
    assert found.root @ found.root.T == pytest.approx(between, abs=1e-8)


def test_rows_whose_posterior_errors_go_together_are_drawn_together():
    posterior, gold, _ = setting()
    found = ClassTruth.of(posterior, gold)
    between = posterior.covariance / np.sqrt(np.outer(posterior.variance, posterior.variance))
    np.fill_diagonal(between, 0.0)
    i, j = np.unravel_index(np.argmax(between), between.shape)
    drawn = found.draw(20000, np.random.default_rng(1))[:, 0]
    limits = norm.ppf(1 - found.mean[[i, j], 0])
    latent = np.random.default_rng(2).multivariate_normal([0, 0], [[1, between[i, j]], [between[i, j], 1]], size=200000)
    expected = np.mean((latent[:, 0] > limits[0]) & (latent[:, 1] > limits[1]))
    assert np.mean(drawn[i] * drawn[j]) == pytest.approx(expected, abs=0.015)
    assert expected > found.mean[i, 0] * found.mean[j, 0] + 0.01
