"""Each estimator's better value goes to the better teacher, and nothing goes to a teacher that knows nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import ESTIMATORS
from predictor.query.labels import Labels
from predictor.training.runs import train_w2s
from tests.estimators.cases import case_with, shown, task, teachers, values_of

BY_REPRESENTATION = (
    "combined",
    "label_prior_simulation",
    "representation_gap",
    "representation_gap_frobenius",
    "representation_gap_prior",
    "cka",
)


def good_first(name, values):
    """The values so that lower is better."""
    return np.array(values) * (1.0 if ESTIMATORS[name].better == "lower" else -1.0)


@pytest.mark.parametrize("name", BY_REPRESENTATION)
def test_less_noise_between_strong_and_weak_ranks_first(name):
    found = good_first(name, values_of(name, case_with("representations", noises=(0.1, 0.8, 4.0))))
    assert np.all(np.diff(found) > 0)


@pytest.mark.parametrize("name", ["combined", "truth_posterior"])
def test_with_labels_the_teacher_that_knows_the_task_ranks_first(name):
    found = good_first(name, values_of(name, case_with("few_labels", noises=(0.1, 0.8, 4.0))))
    assert np.all(np.diff(found) > 0)


@pytest.mark.parametrize("name", BY_REPRESENTATION)
def test_a_model_outside_the_strong_ones_directions_ranks_last(name):
    strong, weak = teachers((0.1, 0.8))
    unknown = Representation("noise", np.random.default_rng(5).standard_normal((120, 12)))
    found = good_first(name, values_of(name, Case(strong, (unknown, *weak))))
    assert np.argmax(found) == 0


def test_misfit_grows_with_the_part_of_the_weak_labels_that_the_student_cannot_fit():
    strong, weak = teachers((0.1, 0.1, 0.1))
    rng = np.random.default_rng(3)
    base = task(strong, noise=0.0)
    given = {f"t{i}": (base + noise * rng.standard_normal(120))[:, None] for i, noise in enumerate((0.1, 0.5, 2.0))}
    found = values_of("misfit", Case(strong, weak, shown(base), given))
    assert np.all(np.diff(found) > 0)
    # No head fits fresh noise: what is refused is at least about its variance, and at most about all of the labels.
    labels = given["t2"][48:, 0]
    assert 0.85 * np.var(labels - base[48:]) < found[2] * np.var(base[:48]) < 1.3 * np.var(labels)


def test_predicted_gain_of_the_posterior_has_the_sign_of_the_measured_one():
    """A noisy teacher is outgrown; a teacher that sees what a hobbled student does not is copied badly."""
    rng = np.random.default_rng(4)
    full, _ = teachers((0.1,), rows=240)
    noisy = Representation("noisy", np.hstack([full.features[:, :8], rng.standard_normal((240, 40))]))
    values = task(full, noise=0.1)
    labels = Labels.of(values)
    half = shown(values, 0.33)
    for student, teacher, sign in ((full, noisy, 1.0), (Representation("s", full.features[:, :3]), full, -1.0)):
        measured = train_w2s(student.features, [teacher.features], labels, splits=4).gain.mean()
        predicted = ESTIMATORS["truth_posterior"].forecast(Case(student, (teacher,), half)).gain[0]
        assert np.sign(measured) == sign
        assert np.sign(predicted) == sign


def test_more_directions_carry_more_effective_dimension():
    rng = np.random.default_rng(6)
    mixing = rng.standard_normal((40, 40))
    few, many = (Representation(n, rng.standard_normal((120, k)) @ mixing[:k]) for n, k in (("few", 3), ("many", 30)))
    found = values_of("effective_dimension", Case(few, (few, many)))
    assert found[0] < 3.0 + 1e-9 < found[1]


def test_more_dimensions_count_more():
    strong, weak = teachers((0.1, 0.1))
    wide = Representation("wide", np.hstack([weak[0].features, np.ones((len(weak[0].features), 3))]))
    assert values_of("width", Case(strong, (weak[0], wide))) == [12.0, 15.0]


def test_more_weights_count_more():
    strong, weak = teachers((0.1, 0.1))
    assert values_of("parameter_count", Case(strong, weak)) == [1000.0, 999.0]


@pytest.mark.parametrize("name", ["representation_gap", "representation_gap_frobenius", "representation_gap_prior"])
def test_a_model_has_the_least_gap_to_itself(name):
    strong, weak = teachers((0.1, 0.6, 2.5))
    found = values_of(name, Case(strong, (*weak, strong)))
    assert int(np.argmin(found)) == 3
    kept = strong.kernel.truncate(0.95)
    left = kept.shrinkage(1e-2)
    share = {
        "representation_gap": np.max(left * (1 - left)),
        "representation_gap_frobenius": np.sum((left * (1 - left)) ** 2) / np.sum(left**2),
        "representation_gap_prior": np.sum(kept.values * (left * (1 - left)) ** 2) / np.sum(kept.values * left**2),
    }[name]
    assert found[3] == pytest.approx(share, abs=1e-8)


def test_a_model_trained_by_itself_gains_next_to_nothing():
    strong, weak = teachers((0.1, 0.6, 2.5))
    simulated = ESTIMATORS["label_prior_simulation"].forecast(Case(strong, (*weak, strong)))
    assert abs(simulated.gain[3]) < 0.05
    assert int(np.argmin(simulated.error)) == 3
    case = dataclasses.replace(case_with("few_labels"), weak=(strong,))
    assert abs(ESTIMATORS["truth_posterior"].forecast(case).gain[0]) < 0.05


def test_the_estimators_agree_with_measured_training_on_which_teacher_is_best():
    case = case_with("few_labels", noises=(0.1, 0.8, 4.0))
    labels = Labels.of(task(case.strong))
    measured = train_w2s(case.strong.features, [w.features for w in case.weak], labels, splits=6).w2s.mean(axis=1)
    assert np.all(np.diff(measured) > 0)
    for name in ("truth_posterior", "label_prior_simulation"):
        assert list(np.argsort(values_of(name, case))) == list(np.argsort(measured))
