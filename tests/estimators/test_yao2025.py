"""Which way the KL misfits and bounds go, where they do not apply, and what they report."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import ESTIMATORS, find
from predictor.estimators.weak_probabilities import weak_outputs
from predictor.heads.divergences import divergence
from tests.estimators.cases import below_zero, case_with, predictions, shown, task, teachers, values_of

NAMES = ("kl_misfit", "reverse_kl_misfit", "gain_bounds", "calibration_bounds")
MISFITS = NAMES[:2]


def noisy(noises, kind="multiclass"):
    """Given weak probabilities of the same task through growing noise that no feature explains."""
    strong, weak = teachers((0.1,) * len(noises))
    values = task(strong, kind, noise=0.0)
    return Case(strong, weak, None, {f"t{i}": predictions(values, kind, s) for i, s in enumerate(noises)})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_more_unlearnable_noise_in_the_weak_probabilities_gives_more_misfit_and_wider_bounds(name, kind):
    found = values_of(name, noisy((0.2, 1.0, 3.0), kind))
    assert np.all(np.diff(found) > 0)


@pytest.mark.parametrize("name", NAMES)
def test_weak_probabilities_that_the_strong_head_can_copy_leave_next_to_nothing(name):
    strong, weak = teachers((0.1,))
    scaled = (strong.features - strong.features.mean(axis=0)) / strong.features.std(axis=0)
    p = 1.0 / (1.0 + np.exp(-scaled[:, 0]))
    (copied,) = values_of(name, Case(strong, weak, None, {"t0": np.stack([1 - p, p], axis=1)}))
    order = np.random.default_rng(0).permutation(len(p))
    (refused,) = values_of(name, Case(strong, weak, None, {"t0": np.stack([1 - p, p], axis=1)[order]}))
    assert copied < 0.35 * refused


@pytest.mark.parametrize("name", MISFITS)
def test_labels_that_no_feature_explains_are_refused_as_far_as_their_own_mean(name):
    """The head can do no better than the mean of the weak labels, and at held-out rows does a little worse."""
    strong, weak = teachers((0.1,))
    given = np.random.default_rng(2).dirichlet(np.ones(3) * 4.0, strong.features.shape[0])
    (found,) = values_of(name, Case(strong, weak, None, {"t0": given}))
    mean = np.tile(given.mean(axis=0), (len(given), 1))
    to_mean = divergence(given, mean) if name == "kl_misfit" else divergence(mean, given)
    assert 0.85 * to_mean.mean() < found < 1.25 * to_mean.mean()


def test_gold_labels_of_classes_bring_weak_probabilities_of_their_own():
    for name in NAMES:
        for estimate in find(name).estimate(case_with("few_labels", kind="binary")):
            assert estimate.value is not None
            assert estimate.unit != "label variance"


def test_a_column_of_probabilities_and_two_columns_are_the_same_weak_labels():
    strong, weak = teachers((0.1,))
    p = np.random.default_rng(0).uniform(size=len(strong.features))
    one, two = (Case(strong, weak, None, {"t0": given}) for given in (p[:, None], np.stack([1.0 - p, p], axis=1)))
    for name in NAMES:
        assert values_of(name, one) == pytest.approx(values_of(name, two), abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_without_weak_labels_or_gold_it_reports_what_is_needed(name):
    for estimate in find(name).estimate(case_with("representations")):
        assert (estimate.value, estimate.note) == (None, "needs --weak-labels for this candidate, or --labels")


@pytest.mark.parametrize("name", NAMES)
def test_labels_that_are_no_probabilities_are_absent_with_the_reason(name):
    below = below_zero(case_with("few_labels", kind="regression"))
    for estimate in find(name).estimate(below):
        assert estimate.value is None
        assert estimate.note == "its weak labels are neither class probabilities nor positive outputs"
    classes = case_with("few_labels", kind="multiclass")
    scores = dataclasses.replace(classes, weak_labels={"t0": np.full((classes.rows, 3), 2.0)})
    first = find(name).estimate(scores)[0]
    assert first.note == "its weak labels are no class probabilities: rows must be ≥ 0 and sum to 1"


def test_positive_regression_outputs_have_misfits_and_no_log_loss():
    strong, weak = teachers((0.1,))
    given = np.exp(task(strong) / 4.0)[:, None]
    case = Case(strong, weak, shown(given[:, 0]), {"t0": given})
    for name in MISFITS:
        (found,) = find(name).estimate(case)
        assert found.value > 0.0
        assert found.unit == "nats × label units"
        scaled = Case(strong, weak, shown(given[:, 0]), {"t0": 7.0 * given})
        # Rounding ends the search for the head of least divergence some 1e-8 away from it, elsewhere for each scale.
        assert values_of(name, scaled) == pytest.approx([7.0 * found.value], rel=1e-6)
    for name in NAMES[2:]:
        (found,) = find(name).estimate(case)
        assert found.value is None
        assert "no class probabilities, so that log-loss, accuracy and calibration do not exist" in found.note


def test_certain_weak_labels_are_lifted_to_the_floor_and_the_note_counts_them():
    case = noisy((0.2,), "binary")
    hard = (case.weak_labels["t0"] > 0.5).astype(float)
    for name in NAMES:
        (found,) = find(name).estimate(dataclasses.replace(case, weak_labels={"t0": hard}))
        assert np.isfinite(found.value)
        assert "120 of 120 rows had a class probability lifted to the floor" in found.note


def test_weak_labels_of_the_wrong_width_are_refused():
    case = case_with("few_labels", kind="multiclass")
    wrong = dataclasses.replace(case, weak_labels={"t1": np.full((case.rows, 2), 0.5)})
    with pytest.raises(InputError, match=r"weak labels of 't1' have 2 column\(s\), the gold labels 3"):
        find("kl_misfit").estimate(wrong)


def test_many_rows_are_cut_and_the_note_reports_so():
    rng = np.random.default_rng(0)
    strong, weak = teachers((0.1,), rows=900)
    case = Case(strong, weak, None, {"t0": rng.dirichlet(np.ones(8), 900)})
    (found,) = find("kl_misfit").estimate(case)
    assert "on 500 of 900 rows" in found.note


def test_directions_are_cut_for_many_classes_and_the_note_reports_so():
    rng = np.random.default_rng(0)
    strong = Representation("s", rng.standard_normal((420, 150)))
    case = Case(strong, (Representation("w", strong.features[:, :5]),), None, {"w": rng.dirichlet(np.ones(40), 420)})
    (found,) = find("kl_misfit").estimate(case)
    assert "heads see 128 of 150 directions" in found.note


def test_weak_labels_are_shared_by_the_estimators_of_one_case_and_go_with_it():
    case = noisy((0.2,))
    assert weak_outputs(case)[0] is weak_outputs(case)[0]
    assert weak_outputs(dataclasses.replace(case))[0] is not weak_outputs(case)[0]


def test_the_measured_change_of_log_loss_lies_within_the_predicted_caps():
    """The truth that made the labels, and the student that the estimator held out."""
    strong, weak = teachers((0.1,), rows=300)
    values = task(strong, "multiclass", noise=0.5)
    case = Case(strong, weak, None, {"t0": predictions(values, "multiclass", 1.0)})
    (outputs,), (found,) = weak_outputs(case), ESTIMATORS["gain_bounds"].estimate(case)
    truth = np.eye(3)[values.astype(int)]
    change = np.mean(np.sum(truth * np.log(outputs.student / outputs.weak), axis=1))
    assert found.details["log_loss_gain_low"] <= change <= found.details["log_loss_gain_high"]
    right = [np.mean(p.argmax(axis=1) == values) for p in (outputs.weak, outputs.student)]
    assert abs(right[1] - right[0]) <= found.details["accuracy_gain_cap"]
