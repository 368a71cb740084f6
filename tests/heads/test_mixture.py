"""Mixture heads: the exact reverse-KL projection on a class convex in the outputs, and the inequality it brings."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.heads.divergences import divergence
from predictor.heads.mixture import fit_mixture, mixed, optimality_gap
from tests.reference.simplex import least

ROWS, COUNT = 50, 4


def fixed(classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(classes), (ROWS, COUNT)), rng.dirichlet(3.0 * np.ones(classes), ROWS)


def mean_divergence(weights, components, targets):
    """mean_i Σ_j f log(f/t) − f + t, f = Σ_k π_k p_k, written out."""
    f = sum(w * components[:, k] for k, w in enumerate(weights))
    return np.mean(np.sum(f * np.log(f / targets) - f + targets, axis=1))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_minimum_that_a_general_solver_finds(classes, seed):
    components, targets = fixed(classes, seed)
    weights = fit_mixture(components, targets)
    _, reached = least(lambda weights: mean_divergence(weights, components, targets), COUNT)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert weights.min() >= 0.0
    assert mean_divergence(weights, components, targets) == pytest.approx(reached, abs=2e-7)
    assert 0.0 <= optimality_gap(components, targets, weights) < 1e-6


def test_positive_outputs_are_projected_likewise():
    rng = np.random.default_rng(5)
    components, targets = rng.uniform(0.2, 3.0, (ROWS, COUNT, 1)), rng.uniform(0.2, 3.0, (ROWS, 1))
    weights = fit_mixture(components, targets)
    for k in range(COUNT):
        nudged = 0.999 * weights + 0.001 * np.eye(COUNT)[k]
        assert mean_divergence(nudged, components, targets) > mean_divergence(weights, components, targets) - 1e-7


def test_two_constants_by_hand():
    """Components 0.6 and 0.9 against targets of 0.7: two thirds of the first and one third of the second."""
    components = np.tile([[0.4, 0.6], [0.1, 0.9]], (5, 1, 1))
    weights = fit_mixture(components, np.tile([0.3, 0.7], (5, 1)))
    assert weights == pytest.approx([2 / 3, 1 / 3], abs=1e-4)
    np.testing.assert_allclose(mixed(components, weights), np.tile([0.3, 0.7], (5, 1)), atol=1e-4)


def test_the_student_stands_first():
    """One row set half 0.2 and half 0.8 cannot be met by a constant: reverse KL takes the *geometric* mean of odds."""
    components = np.tile([[0.0, 1.0], [1.0, 0.0]], (4, 1, 1)).astype(float)
    targets = np.array([[0.98, 0.02], [0.98, 0.02], [0.98, 0.02], [0.4, 0.6]])
    found = mixed(components, fit_mixture(components, targets))[0, 1]
    odds = np.exp(np.mean(np.log(targets[:, 1] / targets[:, 0])))
    assert found == pytest.approx(odds / (1 + odds), abs=1e-5)
    assert abs(found - targets[:, 1].mean()) > 0.1


@pytest.mark.parametrize("seed", range(20))
def test_the_gain_in_log_loss_is_at_least_the_misfit_where_the_hull_holds_the_truth(seed):
    components, weak = fixed(3, seed)
    truth = mixed(components, np.random.default_rng(seed).dirichlet(np.ones(COUNT)))
    student = mixed(components, fit_mixture(components, weak))
    gain = np.mean(divergence(truth, weak) - divergence(truth, student))
    assert gain >= np.mean(divergence(student, weak)) - 1e-6


def test_the_inequality_fails_where_the_truth_lies_outside():
    components, weak = fixed(3, 1)
    student = mixed(components, fit_mixture(components, weak))
    gain = np.mean(divergence(weak, weak) - divergence(weak, student))
    assert gain < 0.0 < np.mean(divergence(student, weak))


def test_the_inequality_fails_for_the_forward_divergence_on_the_same_class():
    """The student that minimises KL(f_w‖·) over a hull that holds the truth may gain less than that misfit."""
    broken = 0
    for seed in range(20):
        components, weak = fixed(3, seed)
        truth = mixed(components, np.random.default_rng(seed).dirichlet(np.ones(COUNT)))

        def forward(weights, components=components, weak=weak):
            return np.mean(divergence(weak, mixed(components, weights)))

        weights, misfit = least(forward, COUNT)
        student = mixed(components, weights)
        gain = np.mean(divergence(truth, weak) - divergence(truth, student))
        broken += gain < misfit - 1e-6
    assert broken == 3


def test_equal_components_share_their_weight_and_change_nothing():
    components, targets = fixed(3)
    twice = np.concatenate([components, components], axis=1)
    weights = fit_mixture(twice, targets)
    single = fit_mixture(components, targets)
    np.testing.assert_allclose(mixed(twice, weights), mixed(components, single), atol=1e-3)
    assert optimality_gap(twice, targets, weights) < 1e-6
