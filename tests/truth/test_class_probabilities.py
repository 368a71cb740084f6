"""Class probabilities from scores: the sigmoid against scikit-learn's, the softmax against a general optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.calibration import _sigmoid_calibration

from predictor.truth.basis import Basis
from predictor.truth.class_probabilities import RIDGE, class_probabilities
from predictor.truth.conditioned import posterior
from predictor.truth.kernels import unit
from predictor.truth.left_out import left_out_grid
from predictor.truth.model import LabelModel
from tests.reference.models import correlated

ROWS, GOLD = 260, 120


def setting(classes=2, signal=2.0, seed=0):
    """Scores of gold rows left out and of the other rows, with the 0/1 or one-hot codes of both."""
    rng = np.random.default_rng(seed)
    features = correlated(ROWS, 6, 0.7, rng)
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    scores = signal * z[:, : max(classes, 2)] + rng.logistic(size=(ROWS, max(classes, 2)))
    named = (scores[:, 0] > 0).astype(int) if classes == 2 else scores.argmax(axis=1)
    codes = named[:, None].astype(float) if classes == 2 else np.eye(classes)[named]
    known, gold = np.arange(GOLD), codes[:GOLD]
    centred = (gold - gold.mean(axis=0)) / np.sqrt(np.sum(np.var(gold, axis=0)))
    model = LabelModel.of((unit(z @ z.T),), Basis.none(ROWS, gold.shape[1]))
    found = posterior(model, centred, known, left_out_grid(model, centred, known))
    return found.left_out, found.mean[GOLD:], gold, codes[GOLD:]


def test_the_sigmoid_is_platts_on_gold_rows_left_out():
    left_out, mean, gold, _ = setting()
    slope, offset = _sigmoid_calibration(left_out[:, 0], gold[:, 0].astype(int))
    for scores, found in zip((left_out, mean), class_probabilities(left_out, mean, gold), strict=True):
        assert found[:, 1] == pytest.approx(1 / (1 + np.exp(slope * scores[:, 0] + offset)), abs=2e-3)


def test_of_more_classes_it_is_the_softmax_that_gold_rows_left_out_like_best():
    """One slope, and an offset per class; the naive twin asks a general optimiser without gradients."""
    left_out, mean, gold, _ = setting(3)
    scale = np.sqrt(np.mean(left_out**2))
    shares = np.log((gold.sum(axis=0) + 1) / (len(gold) + 3))

    def loss(at):
        logs = log_softmax(at[0] * left_out / scale + at[1:], axis=1)
        pull = RIDGE * at[0] ** 2 + np.sum((at[1:] - shares) ** 2) / len(gold)
        return -np.mean(np.sum(gold * logs, axis=1)) + pull / 2

    start, options = np.array([1.0, *shares]), {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 10_000, "maxfev": 10_000}
    slope, *offsets = minimize(loss, start, method="Nelder-Mead", options=options).x
    expected = softmax(slope * mean / scale + offsets, axis=1)
    assert class_probabilities(left_out, mean, gold)[1] == pytest.approx(expected, abs=1e-5)


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


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_are_probabilities_that_know_something(classes):
    left_out, mean, gold, truth = setting(classes)
    found = class_probabilities(left_out, mean, gold)[1]
    assert found.shape == (ROWS - GOLD, classes)
    assert found.sum(axis=1) == pytest.approx(np.ones(ROWS - GOLD))
    assert (found > 0).all()
    codes = found[:, -gold.shape[1] :]
    missed = np.mean(np.sum((codes - truth) ** 2, axis=1))
    ignorant = np.mean(np.sum((gold.mean(axis=0) - truth) ** 2, axis=1))
    assert missed < 0.8 * ignorant
    assert np.mean(np.sum(codes * (1 - codes), axis=1)) == pytest.approx(missed, rel=0.3)


def test_scores_that_do_not_rise_with_the_class_give_its_share_to_every_row():
    left_out, mean, *_ = setting(signal=0.0, seed=1)
    turned = np.where(left_out[:, 0] < np.median(left_out[:, 0]), 1.0, 0.0)[:, None]
    found = class_probabilities(left_out, mean, turned)[1]
    assert np.ptp(found[:, 1]) == 0.0
    assert found[0, 1] == pytest.approx(0.5, abs=0.01)


def test_scores_that_fall_with_their_classes_give_shares_to_every_row():
    named = np.repeat([0, 1, 2], [10, 20, 30])
    codes = np.eye(3)[named]
    left, right = class_probabilities(-codes, np.random.default_rng(0).standard_normal((50, 3)), codes)
    assert np.ptp(right, axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
    assert left[0] == pytest.approx([1 / 6, 1 / 3, 1 / 2], abs=0.02)
