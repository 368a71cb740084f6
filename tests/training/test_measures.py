"""Measures of predictions, and what is made of several splits."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.training.measures import accuracy, codes, hardened, log_loss, probabilities, squared_error
from predictor.training.outcomes import Outcomes


def test_squared_error_sums_columns_and_averages_rows():
    # Rows: 1 + 4 = 5 and 0 + 9 = 9, mean 7.
    assert squared_error(np.array([[1.0, 2.0], [0.0, 3.0]]), np.zeros((2, 2))) == 7.0


def test_accuracy_cuts_codes_at_a_half_and_takes_the_largest_column():
    # .6 → 1 right, .4 → 0 wrong, .5 → 0 right.
    assert accuracy(np.array([[0.6], [0.4], [0.5]]), np.array([[1.0], [1.0], [0.0]])) == pytest.approx(2 / 3)
    assert accuracy(np.array([[0.2, 0.3], [0.9, 0.1]]), np.array([[0.0, 1.0], [0.0, 1.0]])) == 0.5


def test_log_loss_is_minus_the_logarithm_of_the_true_class():
    # Codes: rows say .8 of a 1, .3 of a 1 where it is a 0.
    expected = -(np.log(0.8) + np.log(0.7)) / 2
    assert log_loss(np.array([[0.8], [0.3]]), np.array([[1.0], [0.0]])) == pytest.approx(expected, abs=1e-12)
    three = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    expected = -(np.log(0.3) + np.log(0.8)) / 2
    assert log_loss(three, np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])) == pytest.approx(expected, abs=1e-12)


def test_log_loss_bounds_what_a_certain_mistake_costs():
    # A regressed code of 1.4 is read as .999, one of −.2 as .001, and rows are made to sum to 1.
    assert log_loss(np.array([[1.4]]), np.array([[0.0]])) == pytest.approx(-np.log(0.001), abs=1e-9)
    cut = np.array([0.999, 0.001, 0.2])
    expected = -np.log(cut[2] / cut.sum())
    assert log_loss(np.array([[1.4, -0.2, 0.2]]), np.array([[0.0, 0.0, 1.0]])) == pytest.approx(expected, abs=1e-9)


def test_codes_and_probabilities_are_the_same_in_two_forms():
    two = np.array([[0.3, 0.7], [1.0, 0.0]])
    np.testing.assert_array_equal(codes(two), [[0.7], [0.0]])
    np.testing.assert_allclose(probabilities(codes(two)), two, atol=1e-15)
    three = np.eye(3)
    assert codes(three) is three
    assert probabilities(three) is three


def test_hardened_labels_are_the_likeliest_class():
    np.testing.assert_array_equal(hardened(np.array([[0.51], [0.5], [1.3], [-1.0]])), [[1.0], [0.0], [1.0], [0.0]])
    np.testing.assert_array_equal(hardened(np.array([[0.2, 0.5, 0.3]])), [[0.0, 1.0, 0.0]])


def outcomes(weak, w2s, ceiling):
    return Outcomes(np.array([weak]), np.array([w2s]), np.array(ceiling))


def test_pgr_is_the_share_of_the_gap_that_was_closed_with_the_error_of_a_ratio():
    # Gains .2, .1; headrooms .5, .3: PGR .3 / .8 = .375; residuals .2 − .1875 = .0125 and .1 − .1125 = −.0125.
    pgr, error = outcomes([0.8, 0.7], [0.6, 0.6], [0.3, 0.4]).pgr(0)
    assert pgr == pytest.approx(0.375, abs=1e-12)
    assert error == pytest.approx(np.sqrt(2 * 0.0125**2) / np.sqrt(2) / 0.4, abs=1e-12)
    assert outcomes([0.8], [0.6], [0.3]).pgr(0) == (pytest.approx(0.4), None)


def test_pgr_is_absent_where_the_ceiling_does_not_beat_the_weak_model():
    assert outcomes([0.3, 0.4], [0.35, 0.4], [0.4, 0.35]).pgr(0) == (None, None)


def test_one_split_has_every_figure():
    full = Outcomes(
        *(np.arange(6.0).reshape(2, 3) + i for i in range(2)),
        np.arange(3.0),
        *(np.arange(6.0).reshape(2, 3) + i for i in range(2, 4)),
        np.arange(3.0) + 1,
        *(np.arange(6.0).reshape(2, 3) + i for i in range(4, 6)),
        np.arange(3.0) + 2,
    )
    one = full.of_split(1)
    np.testing.assert_array_equal(one.weak, [[1.0], [4.0]])
    np.testing.assert_array_equal(one.w2s_accuracy, [[4.0], [7.0]])
    np.testing.assert_array_equal(one.w2s_log_loss, [[6.0], [9.0]])
    np.testing.assert_array_equal(one.ceiling_log_loss, [3.0])
