"""The misfit inequality where its assumptions hold and where they do not, and the estimators built on it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize, nnls

from predictor.estimators.charikar2024 import Refusal, left_out_residuals, refusals
from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import find
from predictor.estimators.supervision import cross_fitted, supervise
from predictor.heads.ridge import FactoredRidge
from tests.estimators.cases import case_with, shown, task, teachers
from tests.reference import dense
from tests.reference.models import correlated


def outcome(truth, weak, student):
    """Gain and misfit, means over rows."""
    gain = np.mean((weak - truth) ** 2) - np.mean((student - truth) ** 2)
    return gain, np.mean((student - weak) ** 2)


@pytest.mark.parametrize("seed", range(10))
def test_projection_on_a_subspace_that_holds_the_truth_gains_exactly_the_misfit(seed):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((50, 4))
    truth, weak = features @ rng.standard_normal(4), rng.standard_normal(50) + features[:, 0]
    student = features @ np.linalg.lstsq(features, weak, rcond=None)[0]
    gain, misfit = outcome(truth, weak, student)
    assert gain == pytest.approx(misfit, abs=1e-10)
    assert misfit > 0.1


@pytest.mark.parametrize("seed", range(10))
def test_projection_on_a_convex_class_that_holds_the_truth_gains_at_least_the_misfit(seed):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((50, 4))
    truth, weak = features @ rng.uniform(size=4), 2.0 * rng.standard_normal(50)
    student = features @ nnls(features, weak)[0]
    gain, misfit = outcome(truth, weak, student)
    assert gain >= misfit - 1e-10


def test_a_ridge_or_a_truth_outside_breaks_it():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((50, 4))
    inside, outside = features @ np.ones(4), rng.standard_normal(50)
    weak = inside + 0.1 * rng.standard_normal(50)
    shrunk = features @ np.linalg.solve(features.T @ features + 50.0 * np.eye(4), features.T @ weak)
    gain, misfit = outcome(inside, weak, shrunk)
    assert gain < 0.0 < misfit
    student = features @ np.linalg.lstsq(features, outside, rcond=None)[0]
    gain, misfit = outcome(outside, outside, student)
    assert gain < 0.0 < misfit


def realisable(seed=0, rows=1200):
    """A linear student that holds the truth, four weak models of falling confidence, and what each student gains.

    Weak labels are c·truth + error, the error outside the strong model's span: its students predict c·truth, so that
    their gain is the error's variance in squared label units, whatever c is.
    """
    rng = np.random.default_rng(seed)
    strong = rng.standard_normal((rows, 12))
    truth = strong @ rng.standard_normal(12)
    truth /= truth.std()
    confidence, errors = np.array([1.0, 0.5, 0.4, 0.15]), np.array([0.5, 0.33, 0.2, 0.11])
    given = {
        f"w{i}": c * truth + e * rng.standard_normal(rows)
        for i, (c, e) in enumerate(zip(confidence, errors, strict=True))
    }
    weak = tuple(Representation(name, rng.standard_normal((rows, 2))) for name in given)
    case = Case(Representation("strong", strong), weak, weak_labels={n: labels[:, None] for n, labels in given.items()})
    design = np.column_stack([np.ones(rows), strong])
    students = [design @ np.linalg.lstsq(design, labels, rcond=None)[0] for labels in given.values()]
    return case, [outcome(truth, labels, student)[0] for labels, student in zip(given.values(), students, strict=True)]


@pytest.mark.parametrize("seed", range(3))
def test_without_gold_labels_the_misfit_is_the_gain_where_the_theorem_holds(seed):
    """In squared label units for all candidates; as shares of each one's own variance they come in another order."""
    case, gains = realisable(seed)
    found = [one.value for one in find("misfit").estimate(case)]
    assert found == pytest.approx(gains, rel=0.05)
    assert list(np.argsort(found)) == list(np.argsort(gains)) == [3, 2, 1, 0]
    shares = [misfit / np.var(labels) for misfit, labels in zip(found, case.weak_labels.values(), strict=True)]
    assert list(np.argsort(shares)) != list(np.argsort(gains))


def test_two_columns_of_a_binary_candidate_count_once():
    strong, weak = teachers((0.3, 0.3))
    second = np.random.default_rng(0).uniform(0.1, 0.9, (120, 1))
    given = {"t0": second, "t1": np.hstack([1.0 - second, second])}
    one, two = (e.value for e in find("misfit").estimate(Case(strong, weak, weak_labels=given)))
    assert two == pytest.approx(one, rel=1e-12)


def test_left_out_residuals_are_those_of_heads_refitted_without_the_row():
    """Scale and ridge of all rows kept; weights and intercept from the others alone."""
    rng = np.random.default_rng(1)
    features, labels = correlated(24, 4, 0.5, rng), rng.standard_normal((24, 2))
    found = left_out_residuals(features, labels)
    scaled = dense.standardise(features)
    ridges = FactoredRidge.of(features, features).loo_ridge(labels)
    for column, ridge in enumerate(ridges):
        for i in (0, 7, 23):
            rest = np.arange(24) != i

            def loss(theta, rest=rest, column=column, ridge=ridge):
                missed = labels[rest, column] - theta[0] - scaled[rest] @ theta[1:]
                return np.sum(missed**2) + 24 * ridge * np.sum(theta[1:] ** 2)

            theta = minimize(loss, np.zeros(5), tol=1e-12).x
            expected = labels[i, column] - theta[0] - scaled[i] @ theta[1:]
            assert found[i, column] == pytest.approx(expected, abs=1e-4)


def test_left_out_residuals_by_the_hat_matrix():
    rng = np.random.default_rng(2)
    features, labels = correlated(30, 5, 0.5, rng), rng.standard_normal((30, 1))
    ridge = FactoredRidge.of(features, features).loo_ridge(labels)[0]
    hat = dense.hat(features, features, ridge)
    expected = (labels - hat @ labels)[:, 0] / (1.0 - np.diag(hat))
    np.testing.assert_allclose(left_out_residuals(features, labels)[:, 0], expected, atol=1e-9)


def test_a_constant_feature_leaves_each_row_to_the_mean_of_the_others():
    labels = np.array([[1.0], [2.0], [6.0]])
    np.testing.assert_allclose(left_out_residuals(np.ones((3, 2)), labels), [[-3.0], [-1.5], [4.5]])


def test_leave_one_out_misfit_is_near_the_folded_one_and_far_from_the_in_sample_one():
    case = case_with("few_labels", noises=(0.5,))
    (found,) = find("misfit").estimate(case)
    assert found.details["leave_one_out"] == pytest.approx(found.value, rel=0.25)
    rng = np.random.default_rng(0)
    wide = Representation("s", rng.standard_normal((120, 200)))
    given = {"t0": rng.standard_normal((120, 1))}
    (crowded,) = find("misfit").estimate(Case(wide, case.weak, None, given))
    assert crowded.details["leave_one_out"] > 0.8


def test_both_misfits_are_in_label_variance_whatever_the_unit_of_the_labels():
    case = case_with("few_labels", noises=(0.5,))
    scaled = dataclasses.replace(case, labels=dataclasses.replace(case.labels, targets=10.0 * case.labels.targets))
    (one,), (ten,) = (find("misfit").estimate(c) for c in (case, scaled))
    assert ten.value == pytest.approx(one.value, rel=1e-9)
    assert ten.details["leave_one_out"] == pytest.approx(one.details["leave_one_out"], rel=1e-9)


def test_misfit_in_nats_is_reported_for_class_probabilities_only():
    strong, weak = teachers((0.1,))
    p = np.random.default_rng(0).uniform(0.1, 0.9, (120, 1))
    (found,) = find("misfit").estimate(Case(strong, weak, None, {"t0": p}))
    learned = refusals_student(strong, p)
    forward = np.mean(p * np.log(p / learned) + (1 - p) * np.log((1 - p) / (1 - learned)))
    reverse = np.mean(learned * np.log(learned / p) + (1 - learned) * np.log((1 - learned) / (1 - p)))
    assert found.details["kl"] == pytest.approx(forward, abs=1e-10)
    assert found.details["reverse_kl"] == pytest.approx(reverse, abs=1e-10)
    (plain,) = find("misfit").estimate(Case(strong, weak, None, {"t0": 10 * p}))
    assert set(plain.details) == {"leave_one_out"}
    assert "disagreement" in found.details


def refusals_student(strong, student_labels):
    learned = cross_fitted(strong.features, student_labels, 5, Case(strong, ()).rng("misfit"))
    assert learned.min() > 1e-3
    assert learned.max() < 1 - 1e-3
    return learned


def test_the_threshold_is_four_times_the_root_of_both_errors():
    """4 √(0.09 × 0.25) = 0.6: a misfit of 0.5 predicts nothing, one of 0.7 may."""
    for misfit, silent in ((0.5, True), (0.7, False)):
        refusal = Refusal("label variance", np.full(4, misfit), {}, np.array([0.1, 0.4]), 0.09)
        assert refusal.threshold == pytest.approx(0.6)
        found = find("misfit")._one(refusal)
        assert found.note == ("below 0.6 = 4√(strong error × weak error): predicts nothing" if silent else "")
        assert found.details["threshold"] == pytest.approx(0.6)
        assert found.details["weak_error"] == pytest.approx(0.25)


def test_selection_reports_it_where_its_misfit_predicts_nothing():
    for misfit, note in ((0.5, "misfit below 0.6 = 4√(strong error × weak error): predicts nothing"), (0.7, "")):
        refusal = Refusal("label variance", np.full(4, misfit), {}, np.array([0.1, 0.4]), 0.09)
        assert find("misfit_selection")._one(refusal).note == note


def test_the_guard_is_silent_for_a_student_that_holds_the_truth_and_speaks_for_one_that_does_not():
    rng = np.random.default_rng(3)
    strong = rng.standard_normal((400, 4))
    weak = (Representation("w", rng.standard_normal((400, 2))),)
    inside, outside = strong @ np.ones(4), rng.standard_normal(400)
    for truth, silent in ((inside, True), (outside, False)):
        given = {"w": (truth + 2.0 * rng.standard_normal(400))[:, None]}
        (found,) = find("misfit").estimate(Case(Representation("s", strong), weak, shown(truth), given))
        assert (found.note == "") is silent


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_disagreement_is_the_share_of_rows_with_another_class_and_caps_the_accuracy_gain(kind):
    case = case_with("few_labels", noises=(0.3, 1.0), kind=kind)
    values, known = task(case.strong, kind), case.labels.known
    for found, student_labels in zip(
        find("misfit").estimate(case), supervise(case, case.rng("misfit")).predictions, strict=True
    ):
        learned = cross_fitted(case.strong.features[~known], student_labels, 5, case.rng("misfit"))
        student, teacher = ((t[:, 0] > 0.5) if t.shape[1] == 1 else t.argmax(axis=1) for t in (learned, student_labels))
        assert found.details["disagreement"] == pytest.approx(np.mean(student != teacher))
        gain = np.mean(student == values[~known]) - np.mean(teacher == values[~known])
        assert abs(gain) <= found.details["disagreement"] + 1e-12


def test_numbers_to_regress_on_have_no_disagreement():
    (found,) = find("misfit").estimate(case_with("few_labels", noises=(0.3,)))
    assert "disagreement" not in found.details


def test_without_gold_labels_realisability_is_reported_to_be_unchecked():
    for found in find("misfit").estimate(case_with("weak_labels")):
        assert found.note == "whether the strong head can fit the truth cannot be checked without --labels"


def test_errors_behind_the_guard_are_left_out_errors_of_both_heads_on_the_gold_rows():
    case = case_with("few_labels", noises=(0.1, 2.5))
    known, gold = case.labels.known, case.labels.targets[case.labels.known]
    for found, model in zip(refusals(case), case.weak, strict=True):
        for features, error in ((model.features, np.mean(found.weak_loss)), (case.strong.features, found.strong_error)):
            expected = np.mean(left_out_residuals(features[known], gold) ** 2) / np.var(gold)
            assert error == pytest.approx(expected, abs=1e-12)


def test_given_weak_labels_are_scored_on_the_gold_rows_as_they_are():
    case = case_with("few_labels", noises=(0.1,))
    known, gold = case.labels.known, case.labels.targets[case.labels.known]
    given = np.random.default_rng(1).standard_normal((120, 1))
    (found,) = find("misfit_selection").estimate(dataclasses.replace(case, weak_labels={"t0": given}))
    assert found.details["weak_error"] == pytest.approx(np.mean((given[known] - gold) ** 2) / np.var(gold), abs=1e-12)


def test_selection_is_weak_error_minus_misfit_with_both_in_its_interval():
    case = case_with("few_labels", noises=(0.1, 2.5))
    misfits = find("misfit").estimate(case)
    for found, misfit, refusal in zip(find("misfit_selection").estimate(case), misfits, refusals(case), strict=True):
        assert found.value == pytest.approx(misfit.details["weak_error"] - misfit.value, abs=1e-12)
        assert found.details["gain"] == misfit.value
        parts = [np.var(rows) / len(rows) for rows in (refusal.weak_loss, refusal.distance)]
        assert found.high - found.value == pytest.approx(1.645 * np.sum(parts) ** 0.5, abs=1e-12)
        assert found.value - found.low == pytest.approx(found.high - found.value, abs=1e-12)


def test_selection_takes_the_teacher_that_sees_the_task():
    found = [e.value for e in find("misfit_selection").estimate(case_with("few_labels", noises=(0.8, 0.05, 4.0)))]
    assert int(np.argmin(found)) == 1


def test_selection_without_gold_labels_is_absent():
    for evidence, note in (
        ("representations", "needs --weak-labels for this candidate, or --labels"),
        ("weak_labels", "needs gold labels of some rows: --labels FILE"),
    ):
        for found in find("misfit_selection").estimate(case_with(evidence)):
            assert (found.value, found.note) == (None, note)


def test_selection_is_the_students_error_where_the_theorem_holds():
    """Few features and many rows, no ridge to speak of, a truth within: Err_w − misfit is Err_w2s."""
    rng = np.random.default_rng(0)
    strong = rng.standard_normal((600, 3))
    truth = strong @ np.array([1.0, 2.0, -1.0])
    given = {"t": (truth + 1.5 * rng.standard_normal(600))[:, None]}
    teacher = (Representation("t", strong[:, :1]),)
    case = Case(Representation("s", strong), teacher, shown(truth), given)
    (found,) = find("misfit_selection").estimate(case)
    head = FactoredRidge.of(strong[240:], strong[240:])
    student = head.predict(given["t"][240:], head.loo_ridge(given["t"][240:]))
    measured = np.mean((student[:, 0] - truth[240:]) ** 2) / np.var(truth[:240])
    assert abs(found.value - measured) < 0.08
    assert found.details["weak_error"] > 0.3


def test_more_noise_than_the_strong_head_can_explain_raises_the_threshold():
    strong, weak = teachers((0.5,))
    found = []
    for noise in (0.05, 2.0):
        (one,) = find("misfit").estimate(Case(strong, weak, shown(task(strong, noise=noise))))
        found.append(one.details["strong_error"])
    assert found[1] > 2.0 * found[0]
