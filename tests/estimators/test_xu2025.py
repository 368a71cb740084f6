"""Ambiguity against heads refitted on repeated rows, and against the identity it rests on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from predictor.estimators.xu2025 import Ambiguity, resampled
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from tests.estimators.cases import case_with, task
from tests.reference import dense
from tests.reference.models import correlated

ESTIMATOR = Ambiguity()


def refitted(train, other, labels, ridge, counts):
    """scikit-learn's ridge on rows repeated `counts` times, in the scale of all rows; α = n β."""
    rows = np.repeat(np.arange(len(train)), counts.astype(int))
    left, right = dense.standardise(train), dense.standardise(train, other)
    columns = [
        Ridge(len(rows) * b, solver="svd").fit(left[rows], y[rows]).predict(right)
        for b, y in zip(ridge, labels.T, strict=True)
    ]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("dims", [5, 40])
def test_a_resampled_head_is_one_refitted_on_repeated_rows(dims):
    rng = np.random.default_rng(dims)
    rows = correlated(33, dims, 0.6, rng)
    train, other, labels = rows[:22], rows[22:], rng.standard_normal((22, 3)) + 4.0
    ridge = np.array([1e-3, 0.1, 0.1])
    counts = rng.multinomial(22, np.full(22, 1 / 22)).astype(float)
    found = resampled(FactoredRidge.of(train, other), labels, ridge, counts)
    np.testing.assert_allclose(found, refitted(train, other, labels, ridge, counts), atol=1e-9)


def test_every_row_once_is_the_head_itself():
    rng = np.random.default_rng(1)
    rows = correlated(30, 8, 0.6, rng)
    head, labels = FactoredRidge.of(rows[:20], rows[20:]), rng.standard_normal((20, 2))
    ridge = np.array([0.01, 0.2])
    np.testing.assert_allclose(resampled(head, labels, ridge, np.ones(20)), head.predict(labels, ridge), atol=1e-10)


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_the_estimate_is_the_unbiased_variance_over_bootstraps_in_label_variances(kind):
    case = case_with("few_labels", noises=(0.3, 1.0), kind=kind)
    known = case.labels.known
    gold = case.labels.targets[known]
    rng = case.rng("ambiguity")
    draws = rng.multinomial(len(gold), np.full(len(gold), 1 / len(gold)), ESTIMATOR.resamples)
    for model, found in zip(case.weak, ESTIMATOR.estimate(case), strict=True):
        train, other = model.features[known], model.features[~known]
        ridge = FactoredRidge.of(train, other).loo_ridge(gold)
        heads = np.array([refitted(train, other, gold, ridge, counts) for counts in draws])
        mean = heads.mean(axis=0)
        squares = [np.mean(np.sum((head - mean) ** 2, axis=1)) for head in heads]
        variance = sum(np.var(column) for column in gold.T)
        scaled = np.array(squares) * len(heads) / (len(heads) - 1) / variance
        assert found.value == pytest.approx(scaled.mean(), abs=1e-9)
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(scaled, [0.05, 0.95])), abs=1e-9)


def test_it_is_the_gain_of_a_student_that_is_the_mean_of_many_teachers():
    """Teachers trained on fresh gold rows each, their mean as student: the measured gain is what one D~ predicts."""
    rng = np.random.default_rng(2)
    slope = rng.standard_normal(6)
    features = rng.standard_normal((3000, 6))
    truth = features @ slope
    noisy = truth + 3.0 * rng.standard_normal(3000)
    test = slice(2400, 3000)
    heads = []
    for i in range(40):
        train = slice(60 * i, 60 * (i + 1))
        head = FactoredRidge.of(features[train], features[test])
        heads.append(head.predict(noisy[train, None], 1e-6))
    errors = [np.mean((head[:, 0] - truth[test]) ** 2) for head in heads]
    measured = np.mean(errors) - np.mean((np.mean(heads, axis=0)[:, 0] - truth[test]) ** 2)
    predicted = []
    for i in range(10):
        train = slice(60 * i, 60 * (i + 1))
        head = FactoredRidge.of(features[train], features[test])
        drawn = [
            resampled(head, noisy[train, None], np.array([1e-6]), rng.multinomial(60, np.full(60, 1 / 60)) * 1.0)
            for _ in range(12)
        ]
        predicted.append(np.mean(np.var(drawn, axis=0, ddof=1)))
    assert np.mean(predicted) == pytest.approx(measured, rel=0.25)


def ambiguity_at(noise, gold_rows):
    case = case_with("few_labels", noises=(0.3,))
    values = task(case.strong, noise=noise)
    labels = Labels.of([v if i < gold_rows else None for i, v in enumerate(values)])
    return ESTIMATOR.estimate(dataclasses.replace(case, labels=labels))[0].value


def test_fewer_or_noisier_gold_labels_make_for_more_ambiguity():
    assert ambiguity_at(0.3, 24) > ambiguity_at(0.3, 48) > ambiguity_at(0.3, 96)
    assert ambiguity_at(1.0, 48) > ambiguity_at(0.3, 48) > ambiguity_at(0.05, 48)


def test_it_reports_what_it_lacks():
    assert (
        "needs gold labels of the weak heads' training rows" in ESTIMATOR.estimate(case_with("representations"))[0].note
    )
    case = case_with("few_labels", noises=(0.1, 0.1))
    given = dataclasses.replace(case, weak_labels={"t0": np.ones((120, 1))})
    first, second = ESTIMATOR.estimate(given)
    assert first.value is None
    assert "of one head" in first.note
    assert second.value > 0
