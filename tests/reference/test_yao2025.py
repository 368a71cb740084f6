"""KL misfits of Yao 2025 (arXiv:2502.01458) against explicit folds, scikit-learn heads and a general solver."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.mulgund2025 import with_constants
from predictor.estimators.problem import Case
from predictor.estimators.weak_probabilities import FOLDS, NotApplicable, weak_outputs
from predictor.estimators.yao2025 import KlMisfit, ReverseKlMisfit
from predictor.estimators.yao2025_bounds import GainBounds, log_gap
from predictor.heads.logistic import RIDGES, fit_logistic, fold_of
from tests.reference import dense
from tests.reference.divergent import ROWS, folded, folds_of, kl, lifted, make, mixed
from tests.reference.heads import logistic, poisson


@pytest.mark.parametrize("classes", [2, 3])
def test_forward_misfit_is_the_held_out_kl_of_a_soft_label_logistic_head(classes):
    case = make(classes)
    weak = lifted(case.weak_labels["w"])
    student, ridge = folded(logistic, dense.standardise(case.strong.features), weak, folds_of(case, ROWS))
    (found,) = KlMisfit().estimate(case)
    student = lifted(student)
    assert found.value == pytest.approx(kl(weak, student), rel=2e-3)
    assert found.details["ridge"] == pytest.approx(ridge)
    assert found.details["reverse"] == pytest.approx(kl(student, weak), rel=2e-3)
    assert found.unit == "nats"


def test_forward_misfit_of_positive_outputs_is_the_i_divergence_of_a_log_linear_head():
    case = make(given="positive")
    weak = case.weak_labels["w"] / case.weak_labels["w"].mean()
    student, _ = folded(poisson, dense.standardise(case.strong.features), weak, folds_of(case, ROWS))
    (found,) = KlMisfit().estimate(case)
    assert found.value == pytest.approx(case.weak_labels["w"].mean() * kl(weak, student), rel=5e-3)
    assert found.unit == "nats × label units"


def test_weak_probabilities_without_given_ones_are_those_of_a_logistic_head_on_the_gold_rows():
    case = make(given="none", gold=True)
    known = case.labels.known
    axes = dense.standardise(case.weak[0].features)
    gold = np.stack([1.0 - case.labels.targets[known, 0], case.labels.targets[known, 0]], axis=1)
    folds = fold_of(int(known.sum()), FOLDS, case.rng("weak folds"))
    scores = []
    for ridge in RIDGES:
        tried = np.empty_like(gold)
        for fold in range(FOLDS):
            held = folds == fold
            tried[held] = logistic(axes[known][~held], gold[~held], axes[known][held], ridge)
        scores.append(-np.mean(np.sum(np.where(gold > 0, np.log(np.maximum(tried, 1e-300)), 0.0), axis=1)))
    expected = logistic(axes[known], gold, axes[~known], RIDGES[int(np.argmin(scores))])
    (found,) = weak_outputs(case)
    np.testing.assert_allclose(found.weak, lifted(expected), atol=5e-4)


@pytest.mark.parametrize("given", ["probabilities", "positive"])
def test_reverse_misfit_is_that_of_the_best_mixture_of_fixed_predictors(given):
    case = make(2, given)
    weak, student, fitted = mixed(case, "reverse_kl_misfit", given, lambda f, y: f * np.log(f / y) - f + y)
    (found,) = ReverseKlMisfit().estimate(case)
    unit = case.weak_labels["w"].mean() if given == "positive" else 1.0
    assert found.value == pytest.approx(unit * kl(student, weak), rel=2e-2)
    assert found.details["fitted"] == pytest.approx(unit * fitted, rel=1e-2)
    assert found.details["optimality_gap"] < 1e-6 * unit


def test_the_constants_are_certainties_or_extremes_and_the_mean_of_the_labels_trained():
    heads, student_labels = np.full((4, 2, 2), 0.5), np.array([[0.2, 0.8], [0.4, 0.6]])
    found = with_constants(heads, student_labels, "probabilities")
    np.testing.assert_allclose(found[3], [[0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [0.3, 0.7]])
    found = with_constants(np.ones((4, 1, 1)), np.array([[1.0], [2.0], [6.0]]), "positive")
    np.testing.assert_allclose(found[0, :, 0], [1.0, 1.0, 6.0, 3.0])


def test_intervals_are_ninety_per_cent_of_a_mean_over_rows():
    case = make(3)
    (outputs,) = weak_outputs(case)
    for estimator, rows in (
        (KlMisfit(), [np.sum(p * np.log(p / q)) for p, q in zip(outputs.weak, outputs.student, strict=True)]),
        (GainBounds(), log_gap(outputs.weak, outputs.student)),
    ):
        (found,) = estimator.estimate(case)
        spread = 1.645 * np.std(rows) / ROWS**0.5
        assert (found.low, found.high) == pytest.approx((np.mean(rows) - spread, np.mean(rows) + spread), abs=1e-9)


def test_a_logistic_head_without_ridge_meets_the_forward_inequality_in_the_second_slot_and_a_ridge_breaks_it():
    """E KL(f_w‖f*) − E KL(f_sw‖f*) = E KL(f_w‖f_sw) on the rows taught, f* a logistic model of the same features."""
    rng = np.random.default_rng(3)
    features = rng.standard_normal((80, 3))
    scores = features @ rng.standard_normal((3, 3))
    truth = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    weak = 0.7 * truth + 0.3 * rng.dirichlet(np.ones(3), 80)
    free, held_back = np.moveaxis(
        fit_logistic(features, weak, np.array([1e-9, 1.0]), tolerance=1e-16).predict(features), 1, 0
    )
    assert kl(weak, truth) - kl(free, truth) == pytest.approx(kl(weak, free), abs=1e-6)
    assert kl(weak, truth) - kl(held_back, truth) < kl(weak, held_back) - 0.01


def test_labels_that_are_neither_probabilities_nor_positive_are_refused_with_the_reason():
    case = make()
    shifted = Case(case.strong, case.weak, None, {"w": case.weak_labels["w"][:, :1] - 0.5}, 4)
    (found,) = weak_outputs(shifted)
    assert found == NotApplicable("its weak labels are neither class probabilities nor positive outputs")
