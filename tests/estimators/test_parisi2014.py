"""The spectral errors by hand for three voters, by brute-force fit, and on voters of known error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from predictor.estimators.parisi2014 import balanced_errors, rank_one


def test_three_voters_by_hand():
    # v = (2, 3, −1): C_12 C_13 / C_23 = 6 · (−2) / (−3) = 4 = v_1². The diagonal is noise and must not matter.
    v = np.array([2.0, 3.0, -1.0])
    np.testing.assert_allclose(rank_one(np.outer(v, v) + np.diag([9.0, 1.0, 5.0])), v, atol=1e-9)


def test_most_voters_are_taken_to_be_better_than_chance():
    v = np.array([-2.0, -3.0, 1.0])
    np.testing.assert_allclose(rank_one(np.outer(v, v)), -v, atol=1e-9)


def test_the_fit_has_the_least_squared_error_off_the_diagonal():
    rng = np.random.default_rng(0)
    v = rng.uniform(0.3, 1.0, 6)
    noise = 0.1 * rng.standard_normal((6, 6))
    covariance = np.outer(v, v) + noise + noise.T

    def missed(x):
        return sum((covariance[i, j] - x[i] * x[j]) ** 2 for i in range(6) for j in range(6) if i != j)

    found = rank_one(covariance)
    best = minimize(missed, v, tol=1e-14)
    assert missed(found) == pytest.approx(best.fun, rel=1e-6)
    np.testing.assert_allclose(found, best.x, atol=1e-4)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_known_balanced_errors_are_recovered_whatever_the_class_shares(share):
    rng = np.random.default_rng(1)
    truth = np.where(rng.random(40_000) < share, 1.0, -1.0)
    on_ones, on_others = np.array([0.1, 0.3, 0.2, 0.05]), np.array([0.2, 0.1, 0.4, 0.15])
    flips = rng.random((40_000, 4)) < np.where(truth[:, None] > 0, on_ones, on_others)
    found = balanced_errors(np.where(flips, -1.0, 1.0) * truth[:, None], 2 * share - 1)
    np.testing.assert_allclose(found, (on_ones + on_others) / 2, atol=0.02)


def test_voters_that_know_nothing_of_each_other_are_at_one_half():
    signs = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
    np.testing.assert_allclose(balanced_errors(signs, 0.0), 0.5, atol=1e-9)
