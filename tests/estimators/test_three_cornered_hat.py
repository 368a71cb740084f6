"""The three-cornered hat by hand, by general least squares, and on predictors of known error."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.three_cornered_hat import distances, incoherence, squared_errors


def test_three_predictors_by_hand():
    # D_12 = 3, D_13 = 5, D_23 = 6: e_1 = (3 + 5 − 6)/2 = 1, e_2 = 2, e_3 = 4.
    apart = np.array([[0.0, 3.0, 5.0], [3.0, 0.0, 6.0], [5.0, 6.0, 0.0]])
    np.testing.assert_allclose(squared_errors(apart), [1.0, 2.0, 4.0])


def test_more_predictors_are_a_least_squares_fit():
    rng = np.random.default_rng(0)
    apart = rng.uniform(1, 5, (6, 6))
    apart = np.triu(apart, 1) + np.triu(apart, 1).T
    left, right = np.triu_indices(6, 1)
    design = np.eye(6)[left] + np.eye(6)[right]
    np.testing.assert_allclose(squared_errors(apart), np.linalg.lstsq(design, apart[left, right], rcond=None)[0])


def test_distances_are_means_over_rows_of_sums_over_columns():
    tables = np.random.default_rng(1).standard_normal((4, 9, 3)) + 7.0
    slow = [[np.mean([np.sum((x - y) ** 2) for x, y in zip(a, b, strict=True)]) for b in tables] for a in tables]
    np.testing.assert_allclose(distances(tables), slow, atol=1e-10)


def test_independent_errors_are_recovered_and_a_shared_error_is_not_seen():
    rng = np.random.default_rng(2)
    truth, shared = rng.standard_normal((2, 1, 20_000, 1))
    deviations = np.array([0.3, 0.6, 1.0, 1.5])
    own = deviations[:, None, None] * rng.standard_normal((4, 20_000, 1))
    for common in (0.0, shared):
        np.testing.assert_allclose(squared_errors(distances(truth + common + own)), deviations**2, atol=0.05)


def test_equal_predictors_have_no_error_to_see():
    assert squared_errors(distances(np.ones((3, 5, 1)))) == pytest.approx([0.0, 0.0, 0.0])


def test_incoherence_is_the_share_of_the_distances_that_independent_errors_leave():
    """e = (1, 2, 3, 4) but D_12 = 3 − 2: sums fitted by least squares leave what no errors explain."""
    errors = np.array([1.0, 2.0, 3.0, 4.0])
    apart = errors[:, None] + errors[None, :]
    np.fill_diagonal(apart, 0.0)
    assert incoherence(apart, squared_errors(apart)) == pytest.approx(0.0, abs=1e-12)
    apart[0, 1] = apart[1, 0] = 1.0
    # The residual of one changed pair of four is spread as (1, −½, −½, −½, −½, 1)/3 of the change of −2.
    missed = np.array([1, -0.5, -0.5, -0.5, -0.5, 1]) * -2 / 3
    assert incoherence(apart, squared_errors(apart)) == pytest.approx(np.sqrt(np.mean(missed**2)) / (28 / 6))
    assert incoherence(np.zeros((3, 3)), np.zeros(3)) == 0.0


def test_rounding_never_makes_a_distance_negative():
    """Nearly equal predictions far from 0, whose energies cancel in their last digits."""
    rng = np.random.default_rng(3)
    tables = 1e4 + rng.standard_normal((1, 50, 1)) + 1e-6 * rng.standard_normal((8, 50, 1))
    assert distances(tables).min() >= 0.0
