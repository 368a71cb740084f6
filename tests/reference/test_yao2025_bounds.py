"""The bounds of Yao 2025 (arXiv:2502.01458) term by term, by hand, and against truths that try to break them."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.weak_probabilities import WeakOutputs, weak_outputs
from predictor.estimators.yao2025_bounds import CalibrationBounds, GainBounds, l1_bound, log_gap, root_bound
from tests.reference.divergent import kl, make


def test_both_caps_on_the_gain_term_by_term():
    case = make(3)
    (outputs,) = weak_outputs(case)
    weak, student = outputs.weak, outputs.student
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
    outputs = WeakOutputs("probabilities", 1.0, weak, np.ones((4, 1)), np.arange(4), student, 1.0, ())
    found = GainBounds()._one(outputs)
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
    (outputs,) = weak_outputs(case)
    least = min(kl(outputs.weak, outputs.student), kl(outputs.student, outputs.weak))
    (found,) = CalibrationBounds().estimate(case)
    assert found.value == pytest.approx(2.0 * (1.0 - np.exp(-least)) ** 0.5)
    assert found.low < found.value < found.high
    assert found.details["l1_distance"] == pytest.approx(np.mean(np.abs(outputs.weak - outputs.student).sum(axis=1)))
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
