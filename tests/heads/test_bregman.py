"""Bregman divergences against their closed forms, and the inequality of their projections on a convex class."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import xlogy

from predictor.heads.bregman import ENTROPY, ITAKURA_SAITO, LOGISTIC, SQUARED
from predictor.heads.divergences import divergence
from predictor.heads.mixture import fit_mixture, mixed, optimality_gap
from tests.reference.simplex import least

CLOSED = {
    "kl": lambda f, g: xlogy(f, f / g) - f + g,
    "logistic": lambda f, g: xlogy(f, f / g) + xlogy(1 - f, (1 - f) / (1 - g)),
    "squared": lambda f, g: (f - g) ** 2,
    "itakura_saito": lambda f, g: f / g - np.log(f / g) - 1,
}
GENERATORS = (ENTROPY, LOGISTIC, SQUARED, ITAKURA_SAITO)
ROWS, COUNT = 40, 4


def tables(seed, columns=2):
    """Outputs of fixed predictors and weak labels, inside every generator's domain."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.05, 0.95, (ROWS, COUNT, columns)), rng.uniform(0.05, 0.95, (ROWS, columns))


def named(generator):
    return generator.name


@pytest.mark.parametrize("generator", GENERATORS, ids=named)
def test_each_is_its_closed_form_summed_over_columns(generator):
    components, right = tables(0, 3)
    left = components[:, 0]
    np.testing.assert_allclose(
        generator.divergence(left, right), np.sum(CLOSED[generator.name](left, right), axis=1), atol=1e-12
    )
    np.testing.assert_array_equal(generator.divergence(left, left), np.zeros(ROWS))


@pytest.mark.parametrize("generator", GENERATORS, ids=named)
def test_slope_and_curvature_are_the_derivatives_of_the_potential(generator):
    f, step = np.linspace(0.1, 0.9, 17), 1e-6
    for low, high in ((generator.potential, generator.slope), (generator.slope, generator.curvature)):
        np.testing.assert_allclose((low(f + step) - low(f - step)) / (2 * step), high(f), rtol=1e-6)


@pytest.mark.parametrize("generator", GENERATORS, ids=named)
def test_rounding_never_makes_a_divergence_negative(generator):
    rng = np.random.default_rng(3)
    right = rng.uniform(0.05, 0.95, (4000, 1))
    left = right * (1.0 + 1e-12 * rng.standard_normal(right.shape))
    assert generator.divergence(left, right).min() >= 0.0


def test_certainty_on_the_left_is_finite():
    left, right = np.array([[0.0, 1.0]]), np.array([[0.25, 0.75]])
    assert ENTROPY.divergence(left, right)[0] == pytest.approx(divergence(left, right)[0], abs=1e-12)
    assert LOGISTIC.divergence(left, right)[0] == pytest.approx(-2 * np.log(0.75), abs=1e-12)


def test_for_two_classes_the_logistic_divergence_of_one_column_is_kl():
    p, q = tables(1, 1)[0][:, 0], tables(1, 1)[1]
    both = divergence(np.hstack([1 - p, p]), np.hstack([1 - q, q]))
    np.testing.assert_allclose(LOGISTIC.divergence(p, q), both, atol=1e-12)


@pytest.mark.parametrize("generator", GENERATORS, ids=named)
@pytest.mark.parametrize("seed", range(3))
def test_the_mixture_is_the_minimum_that_a_general_solver_finds(generator, seed):
    components, targets = tables(seed)

    def mean(weights):
        return np.mean(np.sum(CLOSED[generator.name](np.einsum("nkc,k->nc", components, weights), targets), axis=1))

    _, reached = least(mean, COUNT)
    weights = fit_mixture(components, targets, generator)
    assert mean(weights) == pytest.approx(reached, abs=1e-6)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert 0.0 <= optimality_gap(components, targets, weights, generator) < 1e-6


@pytest.mark.parametrize("generator", GENERATORS, ids=named)
@pytest.mark.parametrize("seed", range(10))
def test_the_gain_is_at_least_the_misfit_in_every_divergence_where_the_class_holds_the_truth(generator, seed):
    """Mulgund, Pabbaraju 2025: E D(f*, f_w) − E D(f*, f_sw) ≥ E D(f_sw, f_w), the student in the first slot."""
    components, weak = tables(seed)
    truth = mixed(components, np.random.default_rng(seed).dirichlet(np.ones(COUNT)))
    student = mixed(components, fit_mixture(components, weak, generator))
    gain = np.mean(generator.divergence(truth, weak) - generator.divergence(truth, student))
    misfit = np.mean(generator.divergence(student, weak))
    assert gain >= misfit - 1e-6
    assert misfit > 0.01


@pytest.mark.parametrize("generator", [ENTROPY, LOGISTIC], ids=named)
def test_with_the_slots_exchanged_the_inequality_fails_now_and_then(generator):
    """The student that is nearest in the *second* slot: the same class, the same truth."""
    broken = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        components = rng.beta(0.3, 0.3, (8, COUNT, 1)).clip(1e-3, 1 - 1e-3)
        weak = rng.beta(0.3, 0.3, (8, 1)).clip(1e-3, 1 - 1e-3)
        truth = mixed(components, np.random.default_rng(seed).dirichlet(np.ones(COUNT)))

        def exchanged(weights, components=components, weak=weak):
            return np.mean(generator.divergence(weak, mixed(components, weights)))

        weights, misfit = least(exchanged, COUNT)
        student = mixed(components, weights)
        gain = np.mean(generator.divergence(truth, weak) - generator.divergence(truth, student))
        broken += gain < misfit - 1e-6
    assert broken > 0
