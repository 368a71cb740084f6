"""The H-score against scikit-learn's Ledoit–Wolf and explicit matrices, and by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from predictor.estimators.bao2019 import HScore, h_score, shrinkage
from predictor.estimators.problem import Case, Representation
from predictor.spectral.spectra import Scale, factor
from tests.estimators.cases import case_with, shown, task, teachers
from tests.reference import dense
from tests.reference.models import correlated

ESTIMATOR = HScore()


def published(features, classes):
    """tr(Σ_α⁻¹ (1 − α) Σ_z) with explicit matrices, Σ_z the covariance of the class means row by row."""
    scaled = dense.standardise(features)
    fitted = LedoitWolf().fit(scaled)
    means = np.stack([scaled[classes == one].mean(axis=0) for one in classes])
    between = means.T @ means / len(means)
    return np.trace(np.linalg.solve(fitted.covariance_, (1 - fitted.shrinkage_) * between)), fitted.shrinkage_


@pytest.mark.parametrize("dims", [2, 8, 70])
@pytest.mark.parametrize("count", [2, 4])
def test_it_is_the_published_form(dims, count):
    rng = np.random.default_rng(dims + count)
    classes = rng.integers(count, size=50)
    features = correlated(50, dims, 0.6, rng)
    features[:, 0] += classes
    value, alpha = h_score(features, classes)
    assert (value, alpha) == pytest.approx(published(features, classes), abs=1e-9)
    assert 0.0 < alpha < 1.0
    assert 0.0 <= value <= count - 1


def test_shrinkage_is_ledoit_wolfs_for_any_spectrum():
    rng = np.random.default_rng(0)
    for dims, decay in ((1, 0.0), (5, 0.0), (5, 2.0), (40, 0.5)):
        scaled = Scale.of(correlated(25, dims, decay, rng)).apply(correlated(25, dims, decay, rng))
        scaled -= scaled.mean(axis=0)
        expected = LedoitWolf().fit(scaled).shrinkage_
        assert shrinkage(scaled, factor(scaled)[0], dims) == pytest.approx(expected, abs=1e-9)


def test_one_dimension_by_hand():
    """Two classes at 0, 0 and 2, 4: mean 1.5; means 0 and 3 lie 1.5 away, so 2.25 of a variance of 2.75.

    One dimension is its own mean variance: nothing is shrunk.
    """
    value, alpha = h_score(np.array([[0.0], [0.0], [2.0], [4.0]]), np.array([0, 0, 1, 1]))
    assert (value, alpha) == pytest.approx((2.25 / 2.75, 0.0))


def test_classes_separated_completely_score_their_number_less_one():
    corners = np.eye(3)[np.arange(300) % 3]
    value, alpha = h_score(corners[:, :2], np.arange(300) % 3)
    assert value == pytest.approx(2.0, abs=0.05)
    assert alpha < 0.02


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_candidate_that_sees_the_classes_best_scores_most(kind):
    found = [e.value for e in ESTIMATOR.estimate(case_with("few_labels", noises=(0.1, 0.8, 4.0), kind=kind, rows=480))]
    assert np.all(np.diff(found) < 0)


def test_the_estimate_is_that_of_the_gold_rows():
    case = case_with("few_labels", noises=(0.3,), kind="multiclass")
    known = case.labels.known
    value, alpha = published(case.weak[0].features[known], case.labels.targets[known].argmax(axis=1))
    (found,) = ESTIMATOR.estimate(case)
    assert (found.value, found.details["shrinkage"]) == pytest.approx((value, alpha), abs=1e-9)


def test_two_classes_are_reported_from_their_code():
    case = case_with("few_labels", noises=(0.3,), kind="binary")
    known = case.labels.known
    value, _ = published(case.weak[0].features[known], case.labels.targets[known, 0])
    assert ESTIMATOR.estimate(case)[0].value == pytest.approx(value, abs=1e-9)


def test_it_reports_what_it_lacks():
    assert ESTIMATOR.estimate(case_with("weak_labels"))[0].note == "needs gold labels of some rows: --labels FILE"
    assert ESTIMATOR.estimate(case_with("few_labels"))[0].note == "needs classes: numbers have no class means"
    strong, _ = teachers((0.1,))
    labels = shown(task(strong, "binary"))
    flat = np.random.default_rng(0).standard_normal((120, 3))
    flat[labels.known] = 1.0
    (found,) = ESTIMATOR.estimate(Case(strong, (Representation("flat", flat),), labels))
    assert (found.value, found.note) == (None, "features are constant over the gold rows")
    assert dataclasses.asdict(found)["details"] == {}
