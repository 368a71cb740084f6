"""Prediction divergence against scipy, arithmetic by hand and explicit heads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from predictor.estimators.charikar2024 import left_out_residuals
from predictor.estimators.goel2025 import PredictionDivergence, jensen_shannon
from predictor.estimators.problem import Representation
from tests.estimators.cases import case_with
from tests.reference.heads import ridge_predictions

ESTIMATOR = PredictionDivergence()


def test_divergence_by_hand():
    # Opposite certainties differ by one bit. Certain against even: H(¾, ¼) − (0 + 1)/2 = .81128 − .5.
    left = np.array([[1.0, 0.0], [1.0, 0.0], [0.3, 0.7]])
    right = np.array([[0.0, 1.0], [0.5, 0.5], [0.3, 0.7]])
    np.testing.assert_allclose(jensen_shannon(left, right), [1.0, 0.311278, 0.0], atol=1e-6)


@pytest.mark.parametrize("classes", [2, 5])
def test_divergence_is_that_of_scipy(classes):
    rng = np.random.default_rng(0)
    left, right = rng.dirichlet(np.ones(classes) / 2, (2, 30))
    np.testing.assert_allclose(jensen_shannon(left, right), jensenshannon(left, right, axis=1, base=2) ** 2, atol=1e-12)


def test_rounding_never_makes_it_negative():
    rng = np.random.default_rng(1)
    left = rng.dirichlet(np.ones(4), 2000)
    assert jensen_shannon(left, left * (1.0 + 1e-9 * rng.standard_normal(left.shape))).min() >= 0.0


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_estimate_compares_heads_trained_the_same_gold_rows(kind):
    case = case_with("few_labels", kind=kind)
    known = case.labels.known
    gold = case.labels.targets[known]

    def predicted(model):
        table = ridge_predictions(model.features[known], model.features[~known], gold)
        table = np.hstack([1 - table, table]) if table.shape[1] == 1 else table
        cut = np.clip(table, 0, 1)
        return cut / cut.sum(axis=1, keepdims=True), table.argmax(axis=1)

    own, own_class = predicted(case.strong)
    for model, found in zip(case.weak, ESTIMATOR.estimate(case), strict=True):
        other, other_class = predicted(model)
        rows = jensenshannon(other, own, axis=1, base=2) ** 2
        assert found.value == pytest.approx(rows.mean(), abs=1e-9)
        assert found.details["flip_rate"] == pytest.approx(np.mean(own_class != other_class))
        half = 1.645 * rows.std() / np.sqrt(len(rows))
        assert (found.low, found.high) == pytest.approx((max(rows.mean() - half, 0), rows.mean() + half), abs=1e-9)


def test_given_weak_labels_take_the_place_of_a_head():
    case = case_with("few_labels", noises=(0.1,), kind="binary")
    own = ESTIMATOR.estimate(dataclasses.replace(case, weak=(case.strong,)))[0]
    assert own.value == pytest.approx(0.0, abs=1e-12)
    opposite = dataclasses.replace(case, weak_labels={"t0": 1.0 - np.nan_to_num(case.labels.targets)})
    assert ESTIMATOR.estimate(opposite)[0].value > 0.1


def test_a_teacher_that_sees_less_differs_more():
    found = [e.value for e in ESTIMATOR.estimate(case_with("few_labels", noises=(0.05, 0.5, 4.0), kind="binary"))]
    assert np.all(np.diff(found) > 0)


def test_a_strong_head_that_errs_no_less_than_the_weak_one_is_noted():
    case = case_with("few_labels", noises=(0.05, 4.0), kind="binary", rows=240)
    known = case.labels.known
    gold = case.labels.targets[known]
    for found, model in zip(ESTIMATOR.estimate(case), case.weak, strict=True):
        for key, features in (("strong_error", case.strong.features), ("weak_error", model.features)):
            expected = np.mean(left_out_residuals(features[known], gold) ** 2) / gold.var()
            assert found.details[key] == pytest.approx(expected, abs=1e-12)
        assert found.note == ""
    blind = Representation("blind", np.random.default_rng(0).standard_normal((240, 4)))
    for found in ESTIMATOR.estimate(dataclasses.replace(case, strong=blind, weak=case.weak[:1])):
        assert found.note == "the strong head errs no less than the weak one: difference promises no gain"


def test_the_error_of_given_weak_labels_is_not_claimed():
    case = case_with("few_labels", noises=(0.1,), kind="binary")
    given = dataclasses.replace(case, weak_labels={"t0": np.full((120, 1), 0.4)})
    assert set(ESTIMATOR.estimate(given)[0].details) == {"flip_rate", "strong_error"}


def test_it_reports_what_it_lacks():
    assert "for a strong head: --labels FILE" in ESTIMATOR.estimate(case_with("weak_labels"))[0].note
    assert ESTIMATOR.estimate(case_with("few_labels"))[0].note == "needs classes: there are no class probabilities here"
