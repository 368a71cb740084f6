"""Heads that are trained for an answer have the ridges, and the student the rows, of the training to come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.estimators.baek2022 import AgreementLine
from predictor.estimators.charikar2024 import FOLDS, left_out_residuals
from predictor.estimators.gold_posterior import gold_posteriors
from predictor.estimators.hard_votes import votes
from predictor.estimators.label_kernels import label_kernels
from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import find
from predictor.estimators.somerstep2024 import route_gains
from predictor.estimators.supervision import cross_fitted, cross_fitted_student, shortfall, supervise, unlabelled_rows
from predictor.estimators.vote_matrix import VoteMatrix
from predictor.estimators.xu2025 import Ambiguity, resampled
from predictor.estimators.xue2025_labels import PseudoLabels
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.query.training_plan import FREE, Training
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
    for model, centred, null in zip(case.weak, found.predictions, found.null, strict=True):
        head = dense.hat(model.features[known], model.features[~known], 0.07)
        np.testing.assert_allclose(centred, head @ gold, atol=1e-10)
        for shuffled in null:
            np.testing.assert_allclose(shuffled, head @ gold[rng.permutation(len(gold))], atol=1e-10)


def test_students_have_the_ridge_asked_for(case):
    strong, weak_labels = case.strong.features[:ROWS], np.random.default_rng(1).standard_normal((ROWS, 2))
    found = cross_fitted_student(strong, weak_labels, Training(student_ridge=0.3), np.random.default_rng(2))
    for held in np.array_split(np.random.default_rng(2).permutation(ROWS), 2):
        rest = np.setdiff1d(np.arange(ROWS), held)
        np.testing.assert_allclose(
            found[held], dense.hat(strong[rest], strong[held], 0.3) @ weak_labels[rest], atol=1e-10
        )


@pytest.mark.parametrize(("asked", "folds"), [(20, 2), (40, 2), (41, 3), (60, 4), (72, 10)])
def test_students_are_trained_as_many_rows_as_asked_for(case, asked, folds):
    strong, weak_labels = case.strong.features[:ROWS], np.random.default_rng(1).standard_normal((ROWS, 1))
    found = cross_fitted_student(
        strong, weak_labels, Training(student_rows=asked, student_ridge=0.1), np.random.default_rng(5)
    )
    order = np.random.default_rng(5).permutation(ROWS)
    for held in np.array_split(order, folds):
        rest = [row for row in order if row not in set(held)][:asked]
        assert len(rest) == asked
        np.testing.assert_allclose(
            found[held], dense.hat(strong[rest], strong[held], 0.1) @ weak_labels[rest], atol=1e-10
        )
    assert shortfall(ROWS, Training(student_rows=asked)) == ()


def test_students_that_cannot_be_trained_as_many_rows_are_trained_nine_tenths_and_the_answer_reports_so(case):
    strong, weak_labels = case.strong.features[:ROWS], np.random.default_rng(1).standard_normal((ROWS, 1))
    found = cross_fitted_student(strong, weak_labels, Training(student_rows=400), np.random.default_rng(5))
    np.testing.assert_array_equal(found, cross_fitted(strong, weak_labels, 10, np.random.default_rng(5)))
    reported = find("truth_posterior").forecast(replace(case, training=Training(student_rows=400))).warnings
    assert reported == ("students were trained on 72 rows, not the 400 asked for, as 80 rows can show no more",)
    assert shortfall(ROWS, Training(student_rows=400)) == reported


def test_weak_heads_are_trained_on_every_gold_row_and_the_answer_reports_where_others_were_asked_for(case):
    (reported,) = find("truth_posterior").forecast(replace(case, training=Training(weak_rows=60))).warnings
    assert reported == "weak heads were trained on all 80 gold rows, not on the 60 asked for"
    assert find("truth_posterior").forecast(replace(case, training=Training(weak_rows=80))).warnings == ()


def test_default_simulates_larger_heads(case):
    """Heads on fewer gold rows than the training's are other heads: the default simulates those asked for."""
    chosen = [find("combined").chosen(replace(case, training=Training(weak_rows=rows))).name for rows in (None, 80, 81)]
    assert chosen == ["truth_posterior", "truth_posterior", "truth"]


def test_kernels_of_models_that_disagree():
    """Where no candidate agrees with the others, and only the strong model does, candidates weigh alike."""
    rng = np.random.default_rng(13)
    strong, *weak = (Representation(str(i), rng.standard_normal((12, 2))) for i in range(3))
    rest = label_kernels(Case(strong, tuple(weak)))[1]
    swapped = label_kernels(Case(strong, tuple(weak[::-1])))[1]
    np.testing.assert_allclose(rest, swapped, atol=1e-9)
    assert np.mean(np.diag(rest)) == pytest.approx(1.0)


def test_nothing_known_of_the_training_leaves_halves_and_cross_validation(case):
    strong, weak_labels = case.strong.features[:ROWS], np.random.default_rng(1).standard_normal((ROWS, 2))
    found = cross_fitted_student(strong, weak_labels, FREE, np.random.default_rng(2))
    np.testing.assert_array_equal(found, cross_fitted(strong, weak_labels, 2, np.random.default_rng(2)))
    assert shortfall(ROWS, FREE) == ()


def test_the_truth_posterior_trains_weak_heads_and_students_as_asked(case):
    estimator = find("truth_posterior")
    free, blunt = (estimator.forecast(replace(case, training=t)) for t in (FREE, Training(student_ridge=1e9)))
    # A student of huge ridge gives the mean of its labels everywhere: its error is the variance of the truth.
    np.testing.assert_allclose(blunt.error, blunt.error.mean(), rtol=0.1)
    assert blunt.error.min() > 2 * free.error.min()
    weak = estimator.forecast(replace(case, training=Training(weak_ridge=1e9)))
    assert (weak.error + weak.gain).min() > 2 * (free.error + free.gain).min()


def test_the_misfit_is_that_of_a_student_with_the_ridge_asked_for(case):
    own = replace(case, training=Training(weak_ridge=0.05, student_ridge=0.2))
    supervision = supervise(own, own.rng("misfit"))
    strong = case.strong.features[supervision.rows]
    variance = float(np.var(case.labels.targets[case.labels.known]))
    for found, weak_labels in zip(find("misfit").estimate(own), supervision.predictions, strict=True):
        learned = cross_fitted(strong, weak_labels, FOLDS, own.rng("misfit"), 0.2)
        assert found.value == pytest.approx(float(np.mean((learned - weak_labels) ** 2)) / variance, abs=1e-12)
        left_out = float(np.mean(left_out_residuals(strong, weak_labels, 0.2) ** 2)) / variance
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


def test_students_of_posteriors_have_the_ridge_asked_for(case):
    own = replace(case, training=Training(student_ridge=0.2))
    gains, paths = (find(name).estimate(own) for name in ("smoother_gain", "over_optimization"))
    for posterior, gain, path in zip(gold_posteriors(own), gains, paths, strict=True):
        rows = unlabelled_rows(case)
        (first, second, _), _ = posterior.halves
        student = np.empty_like(posterior.weak)
        for held, rest in ((first, second), (second, first)):
            strong = case.strong.features[rows]
            student[held] = dense.hat(strong[rest], strong[held], 0.2) @ posterior.weak[rest]
        mean = posterior.truth.mean
        apart = [float(np.sum((f - mean) ** 2)) / len(mean) for f in (posterior.weak, student)]
        assert gain.value == pytest.approx(apart[0] - apart[1], abs=1e-10)
        assert path.details["ridge_student"] == pytest.approx(0.2, rel=1e-12)
        assert path.details["error_student"] == pytest.approx(posterior.error(student), abs=1e-10)
        assert path.value == pytest.approx(posterior.error(student) - path.details["error_best"], abs=1e-10)


def test_bootstrapped_weak_heads_have_the_ridge_asked_for(case):
    known, gold = case.labels.known, case.labels.targets[case.labels.known]
    own = replace(case, training=Training(weak_ridge=0.05))
    drawn = own.rng("ambiguity").multinomial(ROWS, np.full(ROWS, 1 / ROWS), Ambiguity().resamples).astype(np.float64)
    for found, model in zip(find("ambiguity").estimate(own), case.weak, strict=True):
        head = FactoredRidge.of(model.features[known], model.features[unlabelled_rows(case)])
        heads = np.stack([resampled(head, gold, np.array([0.05]), counts) for counts in drawn])
        assert found.value == pytest.approx(float(np.mean(np.var(heads, axis=0, ddof=1)) / np.var(gold)), rel=1e-9)


def test_weak_heads_that_err_on_left_out_gold_rows_have_the_ridge_asked_for(case):
    """A head of huge ridge predicts the mean of its training labels, and errs by the whole variance."""
    for found in find("error_floor").estimate(replace(case, training=Training(weak_ridge=1e9))):
        assert found.details["weak_error"] == pytest.approx(1.0, abs=0.1)


def test_pseudo_labels_come_from_a_strong_head_with_the_ridge_asked_for(case):
    own, gold = replace(case, training=Training(student_ridge=0.2)), case.labels
    strong, outputs = case.strong.features[gold.known], gold.targets[gold.known]
    name = "representation_gap_pseudo_labels"
    left_out = cross_fitted(strong, outputs, FOLDS, own.rng(name), 0.2)
    missed = float(np.mean((left_out - outputs) ** 2) / np.var(outputs))
    for one in find(name).estimate(own):
        assert one.details["strong_error"] == pytest.approx(missed, abs=1e-12)
    head = dense.hat(strong, case.strong.features, 0.2) @ outputs / np.std(outputs)
    found = PseudoLabels.of(case.strong.features, gold, own.rng(name), 0.2)
    np.testing.assert_allclose(found.in_sample, head, atol=1e-10)


def test_a_strong_heads_own_view_has_the_ridge_asked_for(case):
    signs = Labels.of([None if v is None else float(v > 0) for v in shown_values(case)])
    own = replace(case, labels=signs, training=Training(weak_ridge=0.05, student_ridge=0.2))
    gold = signs.targets[signs.known]
    variance = np.sum(np.var(gold, axis=0))

    def missed(features, ridge):
        return float(np.mean(np.sum(left_out_residuals(features[signs.known], gold, ridge) ** 2, axis=1)) / variance)

    supervision = supervise(own, own.rng("prediction_divergence"))
    view = dense.hat(case.strong.features[signs.known], case.strong.features[supervision.rows], 0.2) @ gold
    answers = find("prediction_divergence").estimate(own)
    for found, model, centred in zip(answers, case.weak, supervision.predictions, strict=True):
        assert found.details["strong_error"] == pytest.approx(missed(case.strong.features, 0.2), abs=1e-12)
        assert found.details["weak_error"] == pytest.approx(missed(model.features, 0.05), abs=1e-12)
        assert found.details["flip_rate"] == np.mean(votes(centred) != votes(view))


def test_both_routes_of_a_refinement_are_trained_with_the_ridge_asked_for(case):
    rng = np.random.default_rng(0)
    strong, (weak, refined, truth) = case.strong.features[:ROWS], rng.standard_normal((3, ROWS, 1))
    found = route_gains(strong, weak, refined, truth, 2.0, np.random.default_rng(1), 0.3)
    first, second = np.array_split(np.random.default_rng(1).permutation(ROWS), 2)
    for name, weak_labels in (("gain_naive", weak), ("gain_refined", refined)):
        student = np.empty_like(weak)
        for held, rest in ((first, second), (second, first)):
            student[held] = dense.hat(strong[rest], strong[held], 0.3) @ weak_labels[rest]
        gain = np.mean((weak - truth) ** 2) - np.mean((student - truth) ** 2)
        assert found[name] == pytest.approx(gain / 2.0, abs=1e-10)


def test_a_refinement_is_scored_by_students_with_the_ridge_asked_for(case):
    """Students of huge ridge give the mean of their labels: neither route is left, and both gain the same."""
    for found in find("refinement").estimate(replace(case, training=Training(student_ridge=1e9))):
        gains = [found.details[f"gain_{route}"] for route in ("naive", "refined", "em_step")]
        assert max(gains) - min(gains) < 0.02
    assert any(
        found.details["gain_naive"] - found.details["gain_refined"] > 0.05
        for found in find("refinement").estimate(case)
    )


def test_the_line_of_agreements_is_that_of_heads_with_the_ridge_asked_for(case):
    rare = float(np.quantile(case.labels.targets[case.labels.known], 0.8))
    signs = Labels.of([None if v is None else float(v > rare) for v in shown_values(case)])
    third = Representation("c", np.hstack([model.features for model in case.weak]))
    blunt = replace(case, weak=(*case.weak, third), labels=signs, training=Training(weak_ridge=1e9))
    matrix = VoteMatrix.of(blunt, "agreement_on_the_line")
    gold = votes(signs.targets[signs.known])
    # Heads of huge ridge vote for the more frequent class: four rows in five have it.
    np.testing.assert_array_equal(AgreementLine.of(matrix, blunt, matrix.votes()).held_out, np.mean(gold))


def shown_values(case):
    """Gold labels of a regression case as a list, None where hidden."""
    gold = iter(case.labels.targets[case.labels.known][:, 0])
    return [next(gold) if known else None for known in case.labels.known]


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
