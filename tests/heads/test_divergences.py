"""Divergences term by term, and what counts as class probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.heads.divergences import FLOOR, class_probabilities, divergence, floored


def test_it_is_kullback_leibler_between_probabilities_left_first():
    """KL((¾, ¼)‖(½, ½)) = ¾ log 3/2 + ¼ log ½; the other way round it is ½ log 2/3 + ½ log 2."""
    left, right = np.array([[0.75, 0.25]]), np.array([[0.5, 0.5]])
    assert divergence(left, right)[0] == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5), abs=1e-14)
    assert divergence(right, left)[0] == pytest.approx(0.5 * np.log(2 / 3) + 0.5 * np.log(2.0), abs=1e-14)


def test_it_is_the_i_divergence_between_positive_outputs():
    """I(2‖3) = 2 log ⅔ − 2 + 3."""
    assert divergence(np.array([[2.0]]), np.array([[3.0]]))[0] == pytest.approx(2 * np.log(2 / 3) + 1, abs=1e-14)


def test_zero_on_the_left_costs_only_the_right():
    assert divergence(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))[0] == pytest.approx(np.log(2.0), abs=1e-14)


def test_it_is_the_bregman_divergence_of_negative_entropy():
    rng = np.random.default_rng(0)
    f, g = rng.uniform(0.1, 3.0, (2, 20, 3))
    phi = [np.sum(x * np.log(x), axis=1) for x in (f, g)]
    bregman = phi[0] - phi[1] - np.sum((np.log(g) + 1.0) * (f - g), axis=1)
    np.testing.assert_allclose(divergence(f, g), bregman, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0.2, 1.0]), [[0.8, 0.2], [0.0, 1.0]]),
        (np.array([[0.2], [1.0]]), [[0.8, 0.2], [0.0, 1.0]]),
        (np.array([[0.2, 0.3, 0.5]]), [[0.2, 0.3, 0.5]]),
        (np.array([0.2, 1.01]), None),
        (np.array([-0.01, 0.5]), None),
        (np.array([[0.2, 0.3, 0.6]]), None),
        (np.array([[1.2, -0.2]]), None),
    ],
)
def test_probabilities_are_codes_between_0_and_1_or_rows_that_sum_to_1(values, expected):
    found = class_probabilities(values)
    if expected is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, expected)


def test_the_floor_lifts_certainty_and_leaves_the_rest_alone():
    found = floored(np.array([[0.0, 1.0], [0.4, 0.6]]))
    np.testing.assert_allclose(found[0], np.array([FLOOR, 1.0]) / (1.0 + FLOOR))
    np.testing.assert_array_equal(found[1], [0.4, 0.6])
