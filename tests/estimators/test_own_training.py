"""Heads that are trained for an answer have the ridges, and the student the rows, of the training to come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.estimators import find
from predictor.estimators.case import Case, Representation
from predictor.estimators.charikar2024 import FOLDS, left_out_residuals
from predictor.estimators.supervision import cross_taught, shortfall, supervise, taught
from predictor.labels import Labels
from predictor.worlds.training import FREE, Training
from tests.reference import dense
from tests.reference.models import correlated, dimmed

ROWS = 80


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(3)
    strong = correlated(2 * ROWS, 9, 0.6, rng)
    weak = tuple(Representation(name, dimmed(strong, 6, blur, rng)) for name, blur in (("a", 0.2), ("b", 1.0)))
    truth = dense.standardise(strong) @ rng.standard_normal(9) + 0.1 * rng.standard_normal(2 * ROWS)
    shown = [float(v) if i % 2 == 0 else None for i, v in enumerate(truth)]
    return Case(Representation("s", strong), weak, Labels.of(shown), seed=1)


def test_weak_heads_have_the_ridge_asked_for_and_so_have_those_of_the_null(case):
    known = case.labels.known
    found = supervise(replace(case, training=Training(weak_ridge=0.07)), np.random.default_rng(0), shuffles=2)
    rng = np.random.default_rng(0)
    gold = case.labels.targets[known]
    for model, said, null in zip(case.weak, found.predictions, found.null, strict=True):
        head = dense.hat(model.features[known], model.features[~known], 0.07)
        np.testing.assert_allclose(said, head @ gold, atol=1e-10)
        for shuffled in null:
            np.testing.assert_allclose(shuffled, head @ gold[rng.permutation(len(gold))], atol=1e-10)


def test_students_have_the_ridge_asked_for(case):
    strong, lessons = case.strong.features[:ROWS], np.random.default_rng(1).standard_normal((ROWS, 2))
    found = taught(strong, lessons, Training(student_ridge=0.3), np.random.default_rng(2))
    for held in np.array_split(np.random.default_rng(2).permutation(ROWS), 2):
        rest = np.setdiff1d(np.arange(ROWS), held)
        np.testing.assert_allclose(found[held], dense.hat(strong[rest], strong[held], 0.3) @ lessons[rest], atol=1e-10)


@pytest.mark.parametrize(("asked", "folds"), [(20, 2), (40, 2), (41, 3), (60, 4), (72, 10)])
def test_students_are_taught_as_many_rows_as_asked_for(case, asked, folds):
    strong, lessons = case.strong.features[:ROWS], np.random.default_rng(1).standard_normal((ROWS, 1))
    found = taught(strong, lessons, Training(student_rows=asked, student_ridge=0.1), np.random.default_rng(5))
    order = np.random.default_rng(5).permutation(ROWS)
    for held in np.array_split(order, folds):
        rest = [row for row in order if row not in set(held)][:asked]
        assert len(rest) == asked
        np.testing.assert_allclose(found[held], dense.hat(strong[rest], strong[held], 0.1) @ lessons[rest], atol=1e-10)
    assert shortfall(ROWS, Training(student_rows=asked)) == ()


def test_students_that_cannot_be_taught_as_many_rows_are_taught_nine_tenths_and_the_answer_says_so(case):
    strong, lessons = case.strong.features[:ROWS], np.random.default_rng(1).standard_normal((ROWS, 1))
    found = taught(strong, lessons, Training(student_rows=400), np.random.default_rng(5))
    np.testing.assert_array_equal(found, cross_taught(strong, lessons, 10, np.random.default_rng(5)))
    told = find("truth_posterior").forecast(replace(case, training=Training(student_rows=400))).warnings
    assert told == ("students were taught 72 rows, not the 400 asked for, as 80 rows can show no more",)
    assert shortfall(ROWS, Training(student_rows=400)) == told


def test_weak_heads_are_trained_on_every_gold_row_and_the_answer_says_where_others_were_asked_for(case):
    (told,) = find("truth_posterior").forecast(replace(case, training=Training(weak_rows=60))).warnings
    assert told == "weak heads were trained on all 80 gold rows, not on the 60 asked for"
    assert find("truth_posterior").forecast(replace(case, training=Training(weak_rows=80))).warnings == ()


def test_nothing_known_of_the_training_leaves_halves_and_cross_validation(case):
    strong, lessons = case.strong.features[:ROWS], np.random.default_rng(1).standard_normal((ROWS, 2))
    found = taught(strong, lessons, FREE, np.random.default_rng(2))
    np.testing.assert_array_equal(found, cross_taught(strong, lessons, 2, np.random.default_rng(2)))
    assert shortfall(ROWS, FREE) == ()


def test_the_truth_posterior_trains_weak_heads_and_students_as_asked(case):
    estimator = find("truth_posterior")
    free, blunt = (estimator.forecast(replace(case, training=t)) for t in (FREE, Training(student_ridge=1e9)))
    # A student of huge ridge says the mean of its lessons everywhere: its error is the variance of the truth.
    np.testing.assert_allclose(blunt.error, blunt.error.mean(), rtol=0.1)
    assert blunt.error.min() > 2 * free.error.min()
    weak = estimator.forecast(replace(case, training=Training(weak_ridge=1e9)))
    assert (weak.error + weak.gain).min() > 2 * (free.error + free.gain).min()


def test_the_misfit_is_that_of_a_student_with_the_ridge_asked_for(case):
    own = replace(case, training=Training(weak_ridge=0.05, student_ridge=0.2))
    supervision = supervise(own, own.rng("misfit"))
    strong = case.strong.features[supervision.rows]
    variance = float(np.var(case.labels.targets[case.labels.known]))
    for found, lessons in zip(find("misfit").estimate(own), supervision.predictions, strict=True):
        learned = cross_taught(strong, lessons, FOLDS, own.rng("misfit"), 0.2)
        assert found.value == pytest.approx(float(np.mean((learned - lessons) ** 2)) / variance, abs=1e-12)
        left_out = float(np.mean(left_out_residuals(strong, lessons, 0.2) ** 2)) / variance
        assert found.details["leave_one_out"] == pytest.approx(left_out, abs=1e-12)
    known, gold = case.labels.known, case.labels.targets[case.labels.known]
    for found, model in zip(find("misfit_selection").estimate(own), case.weak, strict=True):
        error = float(np.mean(left_out_residuals(model.features[known], gold, 0.05) ** 2)) / variance
        assert found.details["weak_error"] == pytest.approx(error, abs=1e-12)


def test_left_out_residuals_at_one_ridge_are_those_of_heads_that_never_saw_the_row():
    rng = np.random.default_rng(4)
    features, labels = correlated(30, 5, 0.5, rng), rng.standard_normal((30, 3))
    hat = dense.hat(features, features, 0.1)
    expected = (labels - hat @ labels) / (1.0 - np.diag(hat))[:, None]
    np.testing.assert_allclose(left_out_residuals(features, labels, 0.1), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"weak_rows": 7}, r"weak_rows is 7; it must be a whole number of at least 8\. Leave it out for a third"),
        ({"student_rows": 20.5}, r"student_rows is 20.5; it must be a whole number"),
        ({"weak_ridge": 0.0}, r"weak_ridge is 0.0; it must be above 0, a share of the mean squared length"),
        ({"student_ridge": float("nan")}, r"student_ridge is nan; it must be above 0"),
    ],
)
def test_impossible_trainings_say_what_is_possible(asked, words):
    with pytest.raises(InputError, match=words) as caught:
        Training(**asked)
    assert caught.value.field in asked
