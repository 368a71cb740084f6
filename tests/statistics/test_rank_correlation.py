"""Concordance of two orders against scipy, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr, weightedtau

from predictor.statistics.rank_correlation import average_ranks, kendall_tau, rank_correlation, weighted_tau


def pairs(ties):
    """Orders of 3 to 30 candidates, with ties on either side or none; no candidate tied with another on both sides."""
    found = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(4, 30))
        one = rng.standard_normal(count)
        other = one + rng.standard_normal(count)
        if ties:
            one = np.round(one)
        found.append((one, other))
    return found


@pytest.mark.parametrize("ties", [False, True])
def test_each_is_that_of_scipy(ties):
    for one, other in pairs(ties):
        for left, right in ((one, other), (other, one)):
            assert kendall_tau(left, right) == pytest.approx(kendalltau(left, right).statistic, abs=1e-12)
            assert rank_correlation(left, right) == pytest.approx(spearmanr(left, right).statistic, abs=1e-12)
            assert weighted_tau(left, right) == pytest.approx(weightedtau(left, right).statistic, abs=1e-12)


def test_tau_b_by_hand():
    # Pairs of (1, 1, 2, 3) and (4, 5, 6, 2): (a, c) and (b, c) agree, (a, d), (b, d) and (c, d) do not, (a, b) is tied.
    assert kendall_tau(np.array([1.0, 1, 2, 3]), np.array([4.0, 5, 6, 2])) == pytest.approx(-1 / np.sqrt(5 * 6))


def test_weighted_tau_by_hand():
    # 3 > 2 > 1 against 2 > 3 > 1. Ranks of the first side weigh pairs (1,2), (1,3), (2,3) by 3/2, 4/3, 5/6; so do those
    # of the other, whose first two are exchanged: (−3/2 + 4/3 + 5/6) and (−3/2 + 5/6 + 4/3), over 11/3 each.
    found = weighted_tau(np.array([3.0, 2, 1]), np.array([2.0, 3, 1]))
    assert found == pytest.approx((2 / 3) / (11 / 3))


def test_a_mistake_at_the_top_costs_more_than_one_at_the_bottom():
    truth = np.arange(6.0)
    top, bottom = np.array([0.0, 1, 2, 3, 5, 4]), np.array([1.0, 0, 2, 3, 4, 5])
    assert weighted_tau(top, truth) < weighted_tau(bottom, truth)
    assert kendall_tau(top, truth) == pytest.approx(kendall_tau(bottom, truth))


@pytest.mark.parametrize("measure", [rank_correlation, kendall_tau, weighted_tau])
def test_the_right_order_is_1_the_reverse_minus_1_and_no_order_none(measure):
    up = np.array([0.1, 0.5, 0.7, 9.0])
    assert measure(up, up**3) == pytest.approx(1.0)
    assert measure(up, -up) == pytest.approx(-1.0)
    assert measure(up, np.ones(4)) is None
    assert measure(np.ones(4), up) is None
    assert measure(up[:2], up[:2]) is None


def test_ranks_of_ties_are_their_mean():
    assert average_ranks(np.array([5.0, 1.0, 5.0, 7.0])).tolist() == [2.5, 1.0, 2.5, 4.0]
