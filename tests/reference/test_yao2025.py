"""KL misfit and the bounds of Yao 2025 (arXiv:2502.01458) against explicit folds, scikit-learn heads and plain sums."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from predictor.estimators.case import Case, Representation
from predictor.estimators.lessons import FOLDS, Lesson, Unsuited, lessons
from predictor.estimators.mulgund2025 import with_constants
from predictor.estimators.yao2025 import KlMisfit, ReverseKlMisfit
from predictor.estimators.yao2025_bounds import CalibrationBounds, GainBounds, l1_bound, log_gap, root_bound
from predictor.heads.logistic import RIDGES, fold_of
from predictor.labels import Labels
from tests.reference import dense
from tests.reference.models import correlated, dimmed

ROWS = 70


def make(classes=2, given="probabilities", gold=False):
    rng = np.random.default_rng(8)
    strong = correlated(ROWS, 6, 0.6, rng)
    weak = dimmed(strong, 5, 0.4, rng)
    scores = dense.standardise(strong) @ rng.standard_normal((6, classes)) * 3.0
    noisy = scores + 0.7 * rng.standard_normal(scores.shape)
    odds = np.exp(noisy)
    labels = {
        "probabilities": {"w": odds / odds.sum(axis=1, keepdims=True)},
        "positive": {"w": 40.0 * np.log1p(odds[:, :1]) + 9.0},
        "none": {},
    }[given]
    shown = None
    if gold:
        codes = scores.argmax(axis=1)
        shown = Labels.of([str(codes[i]) if i % 5 in (0, 3) else None for i in range(ROWS)])
    return Case(Representation("s", strong), (Representation("w", weak),), shown, labels, seed=4)


def logistic(train, targets, other, ridge):
    """(m, c) probabilities of scikit-learn's head on soft labels: every row once per class, weighted by its share."""
    rows, classes = targets.shape
    model = LogisticRegression(C=1.0 / (rows * ridge), tol=1e-10, max_iter=20_000)
    repeated = np.repeat(train, classes, axis=0)
    model.fit(repeated, np.tile(np.arange(classes), rows), sample_weight=targets.reshape(-1))
    return model.predict_proba(other)


def lifted(rows):
    """Probabilities under 1/1000 raised to that, and each row divided by its sum."""
    return np.array([[max(p, 1e-3) for p in row] / np.sum([max(p, 1e-3) for p in row]) for row in rows])


def poisson(train, targets, other, ridge):
    model = PoissonRegressor(alpha=ridge, tol=1e-10, max_iter=20_000).fit(train, targets[:, 0])
    return model.predict(other)[:, None]


def kl(left, right):
    """mean_i Σ_j p log(p/q) − p + q."""
    return np.mean(
        [sum(p * np.log(p / q) - p + q for p, q in zip(x, y, strict=True)) for x, y in zip(left, right, strict=True)]
    )


def folded(head, design, weak, folds):
    """Held-out students at the ridge of the path that is nearest to the weak labels on held-out rows."""
    tried = []
    for ridge in RIDGES:
        student = np.empty_like(weak)
        for fold in range(FOLDS):
            held = folds == fold
            student[held] = head(design[~held], weak[~held], design[held], ridge)
        tried.append(student)
    best = min(range(len(RIDGES)), key=lambda i: kl(weak, tried[i]))
    return tried[best], RIDGES[best]


def folds_of(case, rows):
    rng = case.rng("lessons")
    rng.permutation(rows)
    return fold_of(rows, FOLDS, rng)


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
    assert found.value == pytest.approx(kl(weak, student), rel=5e-3)
    assert found.unit == "nats per unit of mean output"


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
    (found,) = lessons(case)
    np.testing.assert_allclose(found.weak, lifted(expected), atol=5e-4)


@pytest.mark.parametrize("given", ["probabilities", "positive"])
def test_reverse_misfit_is_that_of_the_best_mixture_of_fixed_predictors(given):
    """Components from one half of the other folds, weights by a general solver on the other half, judged held out."""
    case = make(2, given)
    probable = given == "probabilities"
    head = logistic if probable else poisson
    weak = lifted(case.weak_labels["w"]) if probable else case.weak_labels["w"] / case.weak_labels["w"].mean()
    design, folds = dense.standardise(case.strong.features), folds_of(case, ROWS)
    half = case.rng("reverse_kl_misfit").permutation(np.arange(ROWS) % 2).astype(bool)
    student, fitted = np.empty_like(weak), []
    for fold in range(FOLDS):
        rest = folds != fold
        first, second, held = rest & half, rest & ~half, ~rest
        constants = list(np.eye(2)) if probable else [weak[first].min(axis=0), weak[first].max(axis=0)]
        parts = [head(design[first], weak[first], design, ridge) for ridge in RIDGES]
        parts += [np.tile(c, (ROWS, 1)) for c in (*constants, weak[first].mean(axis=0))]
        table = np.stack(parts, axis=1)

        def loss(weights, table=table, second=second):
            f = np.einsum("nkc,k->nc", table[second], np.abs(weights))
            return np.mean(np.sum(f * np.log(f / weak[second]) - f + weak[second], axis=1))

        count = table.shape[1]
        best = minimize(
            loss,
            np.full(count, 1 / count),
            bounds=[(0, 1)] * count,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            tol=1e-12,
            options={"maxiter": 2000},
        )
        student[held] = np.einsum("nkc,k->nc", table[held], best.x)
        fitted.append(best.fun)
    (found,) = ReverseKlMisfit().estimate(case)
    assert found.value == pytest.approx(kl(student, weak), rel=2e-2)
    assert found.details["fitted"] == pytest.approx(np.mean(fitted), rel=1e-2)
    assert found.details["optimality_gap"] < 1e-6


def test_the_constants_are_certainties_or_extremes_and_the_mean_of_the_labels_taught():
    heads, taught = np.full((4, 2, 2), 0.5), np.array([[0.2, 0.8], [0.4, 0.6]])
    found = with_constants(heads, taught, "probabilities")
    np.testing.assert_allclose(found[3], [[0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [0.3, 0.7]])
    found = with_constants(np.ones((4, 1, 1)), np.array([[1.0], [2.0], [6.0]]), "positive")
    np.testing.assert_allclose(found[0, :, 0], [1.0, 1.0, 6.0, 3.0])


def test_intervals_are_ninety_per_cent_of_a_mean_over_rows():
    case = make(3)
    (lesson,) = lessons(case)
    for estimator, rows in (
        (KlMisfit(), [np.sum(p * np.log(p / q)) for p, q in zip(lesson.weak, lesson.student, strict=True)]),
        (GainBounds(), log_gap(lesson.weak, lesson.student)),
    ):
        (found,) = estimator.estimate(case)
        spread = 1.645 * np.std(rows) / ROWS**0.5
        assert (found.low, found.high) == pytest.approx((np.mean(rows) - spread, np.mean(rows) + spread), abs=1e-9)


def test_both_caps_on_the_gain_term_by_term():
    case = make(3)
    (lesson,) = lessons(case)
    weak, student = lesson.weak, lesson.student
    largest = np.mean(
        [max(abs(np.log(p / q)) for p, q in zip(x, y, strict=True)) for x, y in zip(weak, student, strict=True)]
    )
    smallest = min(weak.min(), student.min())
    root = np.sqrt(min(kl(weak, student), kl(student, weak))) / (smallest * np.sqrt(2.0))
    (found,) = GainBounds().estimate(case)
    assert found.details["largest_log_ratio"] == pytest.approx(largest)
    assert found.details["root_of_divergence"] == pytest.approx(root)
    assert found.value == pytest.approx(min(largest, root))
    assert (found.details["log_loss_gain_low"], found.details["log_loss_gain_high"]) == (-found.value, found.value)
    flips = np.mean([np.argmax(x) != np.argmax(y) for x, y in zip(weak, student, strict=True)])
    assert found.details["accuracy_gain_cap"] == pytest.approx(flips)
    assert flips > 0.0


@pytest.mark.parametrize("swapped", [False, True])
def test_the_smallest_probability_of_either_model_counts(swapped):
    """Teacher (¾, ¼) and student (9/10, 1/10), and the other way round: γ = 1/10 both times."""
    pair = [np.tile([0.75, 0.25], (4, 1)), np.tile([0.9, 0.1], (4, 1))]
    weak, student = pair[::-1] if swapped else pair
    lesson = Lesson("probabilities", weak, np.ones((4, 1)), np.arange(4), student, 1.0, ())
    found = GainBounds()._one(lesson)
    assert found.details["smallest_probability"] == pytest.approx(0.1)
    least = min(kl(weak, student), kl(student, weak))
    assert found.details["root_of_divergence"] == pytest.approx((least / 2.0) ** 0.5 / 0.1)
    assert found.value == pytest.approx(np.log(0.25 / 0.1))


def test_the_caps_by_hand():
    """f_w = (¾, ¼), f_sw = (½, ½): |log ½| = 0.693 on the second class; √(KL/2)/¼ with the smaller KL of the two."""
    weak, student = np.array([[0.75, 0.25]]), np.array([[0.5, 0.5]])
    assert log_gap(weak, student)[0] == pytest.approx(np.log(2.0), abs=1e-14)
    forward = 0.75 * np.log(1.5) - 0.25 * np.log(2.0)
    assert root_bound(forward, 0.25) == pytest.approx((forward / 2.0) ** 0.5 * 4.0, abs=1e-14)
    assert root_bound(0.02, 0.1) == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("seed", range(10))
def test_no_truth_moves_the_log_loss_by_more_than_either_cap_nor_accuracy_by_more_than_disagreement(seed):
    rng = np.random.default_rng(seed)
    weak, student = rng.dirichlet(np.ones(3), (2, 200))
    smallest = min(weak.min(), student.min())
    cap = np.mean(log_gap(weak, student))
    assert cap <= root_bound(min(kl(weak, student), kl(student, weak)), smallest)
    for truth in (rng.dirichlet(np.ones(3), 200), weak, student, np.eye(3)[np.argmax(weak / student, axis=1)]):
        change = np.mean(np.sum(truth * (np.log(student) - np.log(weak)), axis=1))
        assert abs(change) <= cap + 1e-12
        right = [np.mean(p.argmax(axis=1) == truth.argmax(axis=1)) for p in (weak, student)]
        assert abs(right[1] - right[0]) <= np.mean(weak.argmax(axis=1) != student.argmax(axis=1)) + 1e-12


def test_the_cap_is_reached_by_the_truth_that_is_worst_for_the_student():
    weak, student = np.array([[0.75, 0.25]]), np.array([[0.5, 0.5]])
    worst = np.array([[0.0, 1.0]])
    change = np.sum(worst * (np.log(student) - np.log(weak)))
    assert change == pytest.approx(log_gap(weak, student)[0], abs=1e-14)


def test_calibration_bound_term_by_term_and_by_hand():
    case = make(3)
    (lesson,) = lessons(case)
    least = min(kl(lesson.weak, lesson.student), kl(lesson.student, lesson.weak))
    (found,) = CalibrationBounds().estimate(case)
    assert found.value == pytest.approx(2.0 * (1.0 - np.exp(-least)) ** 0.5)
    assert found.low < found.value < found.high
    assert found.details["l1_distance"] == pytest.approx(np.mean(np.abs(lesson.weak - lesson.student).sum(axis=1)))
    assert "not for ECE" in found.note
    # 1 − exp(−log 4/3) = ¼, whose root doubled is 1; and no distance of two distributions passes 2.
    assert l1_bound(np.log(4.0 / 3.0)) == pytest.approx(1.0, abs=1e-14)
    assert l1_bound(1e9) == 2.0


@pytest.mark.parametrize("seed", range(10))
def test_no_common_target_nor_bins_fixed_on_x_move_by_more_than_the_calibration_bound(seed):
    rng = np.random.default_rng(seed)
    weak = rng.dirichlet(np.ones(3), 300)
    student = 0.8 * weak + 0.2 * rng.dirichlet(np.ones(3), 300)
    bound = l1_bound(min(kl(weak, student), kl(student, weak)))
    assert np.mean(np.abs(weak - student).sum(axis=1)) <= bound
    truth = np.eye(3)[rng.integers(3, size=300)]
    for target in (truth, rng.dirichlet(np.ones(3), 300)):
        apart = [np.mean(np.abs(p - target).sum(axis=1)) for p in (weak, student)]
        assert abs(apart[1] - apart[0]) <= bound
    bins = rng.integers(6, size=300)
    gaps = [
        sum(np.mean(bins == b) * np.abs(p[bins == b].mean(0) - truth[bins == b].mean(0)).sum() for b in range(6))
        for p in (weak, student)
    ]
    assert abs(gaps[1] - gaps[0]) <= bound


def test_ece_on_each_models_own_level_sets_is_not_bounded():
    """f_w = ½ everywhere is calibrated; f_sw = ½ ± 0.01 by the true label is 0.98 off in L1, the bound being 0.03."""
    label = np.arange(1000) % 2
    weak = np.full((1000, 2), 0.5)
    up = 0.5 + 0.01 * (2 * label - 1)
    student = np.stack([1 - up, up], axis=1)

    def level_set_error(p):
        total = 0.0
        for level in np.unique(p[:, 1]):
            rows = p[:, 1] == level
            total += np.mean(rows) * np.abs(p[rows].mean(axis=0) - np.eye(2)[label[rows]].mean(axis=0)).sum()
        return total

    bound = l1_bound(min(kl(weak, student), kl(student, weak)))
    assert bound == pytest.approx(0.028, abs=1e-3)
    assert level_set_error(student) - level_set_error(weak) == pytest.approx(0.98, abs=1e-12)


def test_a_logistic_head_without_ridge_meets_the_forward_inequality_in_the_second_slot_and_a_ridge_breaks_it():
    """E KL(f_w‖f*) − E KL(f_sw‖f*) = E KL(f_w‖f_sw) on the rows taught, f* a logistic model of the same features."""
    from predictor.heads.logistic import fit_logistic

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
    (found,) = lessons(shifted)
    assert found == Unsuited("its weak labels are neither class probabilities nor positive outputs")
