"""Smoother gain and over-optimisation: identities, the posterior's share, and where they do not apply."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.estimators.gold_posterior import gold_posteriors
from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import find
from predictor.estimators.smoother_gain import smoother_terms
from predictor.heads.ridge import RIDGES
from predictor.query.labels import Labels
from predictor.training.runs import train_w2s
from tests.estimators.cases import case_with, shown, task, teachers

NAMES = ("smoother_gain", "over_optimization")


@pytest.fixture(scope="module", params=["regression", "multiclass"])
def case(request):
    return case_with("few_labels", noises=(0.1, 2.0), kind=request.param)


def test_the_three_terms_are_the_gain_for_any_truth():
    """‖f_w − t‖² − ‖f_sw − t‖² = ‖d‖² + 2⟨d, f_sw⟩ − 2⟨d, t⟩ with d = f_w − f_sw, whatever the smoother."""
    rng = np.random.default_rng(0)
    weak, truth = rng.standard_normal((2, 40, 3))
    student = rng.standard_normal((40, 40)) @ weak
    gain = np.mean(np.sum((weak - truth) ** 2, axis=1)) - np.mean(np.sum((student - truth) ** 2, axis=1))
    assert sum(smoother_terms(weak, student, truth)) == pytest.approx(gain, abs=1e-9)


def test_the_three_terms_by_hand():
    """f_w = 3, f_sw = 1, t = 0.5: 4, 2 × 2 × 1 and −2 × 2 × 0.5; together 6.25 − 0.25."""
    found = smoother_terms(np.array([[3.0]]), np.array([[1.0]]), np.array([[0.5]]))
    assert found == (4.0, 4.0, -2.0)
    assert sum(found) == 2.5**2 - 0.5**2


def test_the_smoother_term_vanishes_for_a_projection_and_not_for_a_ridge():
    rng = np.random.default_rng(1)
    features, weak, truth = rng.standard_normal((40, 3)), rng.standard_normal((40, 1)), np.zeros((40, 1))
    for ridge, vanishes in ((0.0, True), (20.0, False)):
        smoother = features @ np.linalg.inv(features.T @ features + ridge * np.eye(3)) @ features.T
        term = smoother_terms(weak, smoother @ weak, truth)[1]
        assert (abs(term) < 1e-12) == vanishes


def test_gain_is_weak_minus_student_distance_from_the_posterior_mean(case):
    for found, posterior in zip(find("smoother_gain").estimate(case), gold_posteriors(case), strict=True):
        student = np.empty_like(posterior.weak)
        for held, rest, head in posterior.halves:
            assert set(held) | set(rest) == set(range(len(posterior.weak)))
            student[held] = head.predict(posterior.weak[rest], head.loo_ridge(posterior.weak[rest]))
        apart = [np.sum((f - posterior.truth.mean) ** 2) / len(f) for f in (posterior.weak, student)]
        assert found.value == pytest.approx(apart[0] - apart[1], abs=1e-12)
        assert found.details["gain"] == found.value
        terms = sum(found.details[f"{part}_term"] for part in ("misfit", "smoother", "truth"))
        assert terms == pytest.approx(found.value, abs=1e-12)


def test_students_never_see_the_rows_on_which_they_are_scored(case):
    for posterior in gold_posteriors(case):
        for held, rest, head in posterior.halves:
            assert not set(held) & set(rest)
            assert head.rows == len(rest)


def test_the_interval_is_that_of_posterior_draws_and_of_the_rows(case):
    """Gain over drawn truths varies by 4 dᵀ Σ d / n²; the mean over rows adds its own standard error."""
    (posterior, *_) = gold_posteriors(case)
    student = posterior.student()
    gain, error = posterior.advantage(posterior.weak, student)
    rng = np.random.default_rng(0)
    noiseless = dataclasses.replace(posterior.truth, noise=0.0)
    drawn = noiseless.draw(4000, rng)
    gains = [np.mean(np.sum((posterior.weak - t) ** 2 - (student - t) ** 2, axis=1)) for t in np.moveaxis(drawn, 2, 0)]
    assert np.mean(gains) == pytest.approx(gain, abs=5 * np.std(gains) / 4000**0.5)
    d = posterior.weak - student
    rows = np.sum(d * (posterior.weak + student - 2 * posterior.truth.mean), axis=1)
    assert error == pytest.approx(np.hypot(np.std(gains), np.std(rows) / len(rows) ** 0.5), rel=0.05)


def test_errors_are_in_label_variance_with_the_noise_of_labels(case):
    (posterior, *_) = gold_posteriors(case)
    wrong = posterior.truth.mean + 0.5
    columns = posterior.weak.shape[1]
    spread = columns * np.mean(np.diag(posterior.truth.covariance) + posterior.truth.noise)
    assert posterior.error(wrong) == pytest.approx(0.25 * columns + spread, abs=1e-12)


def test_over_optimisation_finds_the_least_of_the_whole_path(case):
    for found, posterior in zip(find("over_optimization").estimate(case), gold_posteriors(case), strict=True):
        errors = {float(r): posterior.error(posterior.student(float(r))) for r in RIDGES}
        best = min(errors, key=errors.get)
        assert found.details["ridge_best"] == best
        assert found.details["error_best"] == pytest.approx(errors[best], abs=1e-12)
        assert found.details["error_least_ridge"] == pytest.approx(errors[float(RIDGES[0])], abs=1e-12)
        further = errors[float(RIDGES[0])] - errors[best]
        assert found.details["loss_of_going_further"] == pytest.approx(further, abs=1e-12)
        assert found.value == pytest.approx(found.details["error_student"] - errors[best], abs=1e-10)
        assert found.details["error_student"] == pytest.approx(posterior.error(posterior.student()), abs=1e-12)
        picks = [head.loo_ridge(posterior.weak[rest]) for _, rest, head in posterior.halves]
        assert found.details["ridge_student"] == pytest.approx(np.prod(picks) ** (1 / np.size(picks)), rel=1e-9)


def test_going_on_to_copy_a_noisy_teacher_is_predicted_to_cost():
    """A student with no ridge copies the teacher's own noise; leave-one-out, blind to the truth, cannot know."""
    rng = np.random.default_rng(3)
    strong, _ = teachers((0.1,), rows=240)
    wide = Representation("s", np.hstack([strong.features, rng.standard_normal((240, 90))]))
    truth = task(strong, noise=0.0)
    given = {"t": (truth + 1.5 * rng.standard_normal(240))[:, None]}
    (found,) = find("over_optimization").estimate(Case(wide, (strong_named(strong, "t"),), shown(truth), given))
    assert found.details["loss_of_going_further"] > 0.2
    assert found.details["ridge_best"] > RIDGES[0]
    exact = {"t": truth[:, None]}
    (clean,) = find("over_optimization").estimate(Case(strong, (strong_named(strong, "t"),), shown(truth), exact))
    assert clean.details["loss_of_going_further"] < 0.05


def strong_named(model, name):
    return Representation(name, model.features)


def test_the_sign_of_the_gain_is_that_of_measured_training():
    """A noisy teacher is outgrown; a teacher that sees what a hobbled student does not is copied badly."""
    rng = np.random.default_rng(4)
    full, _ = teachers((0.1,), rows=240)
    poor = Representation("noisy", np.hstack([full.features[:, :8], rng.standard_normal((240, 40))]))
    values = task(full, noise=0.1)
    half = shown(values, 0.33)
    for student, teacher, sign in ((full, poor, 1.0), (Representation("s", full.features[:, :3]), full, -1.0)):
        measured = train_w2s(student.features, [teacher.features], Labels.of(values), splits=4).gain.mean()
        (found,) = find("smoother_gain").estimate(Case(student, (teacher,), half))
        assert np.sign(found.value) == np.sign(measured) == sign


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("evidence", ["representations", "weak_labels"])
def test_without_gold_labels_they_are_absent(name, evidence):
    case = case_with(evidence)
    for found in find(name).estimate(case):
        assert (found.value, found.note) == (None, "needs gold labels of some rows: --labels FILE")


def test_many_gold_rows_are_cut_and_the_note_reports_so():
    strong, weak = teachers((0.5,), rows=1100)
    (found,) = find("smoother_gain").estimate(Case(strong, weak, shown(task(strong))))
    assert "truth from 400 of 440 gold rows" in found.note


def test_posteriors_are_shared_by_the_estimators_of_one_case():
    case = case_with("few_labels", noises=(0.1,))
    assert gold_posteriors(case) is gold_posteriors(case)
    assert gold_posteriors(dataclasses.replace(case)) is not gold_posteriors(case)
