"""Rank intervals, P(best), ties and intervals against plain loops and cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.ranking.uncertainty import interval, led_by, standing


def plain_standing(values, replicates):
    """The same summary with loops: competition ranks averaged over ties, quantiles by sorting."""
    count, draws = replicates.shape
    places = sorted(range(count), key=lambda i: (values[i], i))
    rank = [places.index(i) + 1 for i in range(count)]
    drawn = [[] for _ in range(count)]
    best = [0.0] * count
    for world in range(draws):
        scores = [replicates[i][world] for i in range(count)]
        winners = [i for i in range(count) if scores[i] == min(scores)]
        for i in winners:
            best[i] += 1.0 / len(winners) / draws
        for i in range(count):
            better = sum(s < scores[i] for s in scores)
            level = sum(s == scores[i] for s in scores) - 1
            drawn[i].append(1 + better + level / 2)
    sharing = [places[0]]
    while any(best[i] > np.mean([best[j] for j in sharing]) for i in range(count) if i not in sharing):
        sharing.append(max((i for i in range(count) if i not in sharing), key=lambda i: best[i]))
    best = [np.mean([best[j] for j in sharing]) if i in sharing else best[i] for i in range(count)]
    low = [min(int(np.floor(quantile(d, 0.05))), rank[i]) for i, d in enumerate(drawn)]
    high = [max(int(np.ceil(quantile(d, 0.95))), rank[i]) for i, d in enumerate(drawn)]
    group, number = [0] * count, 0
    for leader in places:
        if group[leader]:
            continue
        number += 1
        for i in range(count):
            apart = [replicates[i][w] - replicates[leader][w] for w in range(draws)]
            if not group[i] and (i == leader or quantile(apart, 0.05) <= 0.0):
                group[i] = number
    return rank, low, high, best, group


def quantile(values, share):
    """Linear interpolation between order statistics (Hyndman and Fan 1996, type 7)."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


@pytest.mark.parametrize("seed", range(8))
def test_standing_is_the_plain_loop(seed):
    rng = np.random.default_rng(seed)
    count, draws = int(rng.integers(1, 9)), int(rng.integers(5, 80))
    values = np.round(rng.normal(size=count), 1)
    replicates = values[:, None] + rng.normal(size=draws) + rng.choice([0.05, 1.0]) * rng.normal(size=(count, draws))
    if seed % 2:
        replicates = np.round(replicates, 1)  # Ties.
    found = standing(values, replicates)
    rank, low, high, best, group = plain_standing(values, replicates)
    np.testing.assert_array_equal(found.rank, rank)
    np.testing.assert_array_equal(found.low, low)
    np.testing.assert_array_equal(found.high, high)
    np.testing.assert_allclose(found.p_best, best, atol=1e-12)
    np.testing.assert_array_equal(found.tie_group, group)


def test_standing_by_hand():
    # Worlds      1   2   3   4
    # a (0.1)     1   2   1   5     first in 1 and 3
    # b (0.2)     2   1   1   6     first in 2, level with a in 3
    # c (0.9)     9   9   9   4     first in 4
    replicates = np.array([[1.0, 2, 1, 5], [2, 1, 1, 6], [9, 9, 9, 4]])
    found = standing(np.array([0.1, 0.2, 0.9]), replicates)
    np.testing.assert_array_equal(found.rank, [1, 2, 3])
    # a: 1 + ½; b: 1 + ½; c: 1.
    np.testing.assert_allclose(found.p_best, [1.5 / 4, 1.5 / 4, 1 / 4])
    # Ranks of a: 1, 2, 1.5, 2; of b: 2, 1, 1.5, 3; of c: 3, 3, 3, 1.
    # 5 % quantiles (between the least two at .15): a 1.075, b 1.075, c 1.3, floored to 1; highs 2, 2.85, 3 ceiled.
    np.testing.assert_array_equal(found.low, [1, 1, 1])
    np.testing.assert_array_equal(found.high, [2, 3, 3])
    # b − a: 1, −1, 0, 1 may be negative; c − a: 8, 7, 8, −1: 5 % quantile −1 + .15 × 8 = .2 > 0, so c stands apart.
    np.testing.assert_array_equal(found.tie_group, [1, 1, 2])


def test_lower_is_better():
    found = standing(np.array([3.0, 1.0, 2.0]), np.array([[3.0, 3.1], [1.0, 1.1], [2.0, 2.1]]))
    np.testing.assert_array_equal(found.rank, [3, 1, 2])
    np.testing.assert_array_equal(found.p_best, [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(found.tie_group, [3, 1, 2])


def test_the_interval_of_the_rank_holds_the_rank_even_where_replicates_disagree_with_the_value():
    found = standing(np.array([0.0, 1.0]), np.array([[5.0] * 10, [1.0] * 10]))
    np.testing.assert_array_equal(found.rank, [1, 2])
    np.testing.assert_array_equal(found.low, [1, 1])
    np.testing.assert_array_equal(found.high, [2, 2])


def test_what_all_candidates_share_does_not_widen_a_rank():
    rng = np.random.default_rng(0)
    shared = 100.0 * rng.standard_normal(200)
    found = standing(np.array([0.0, 1.0]), np.array([[0.0], [1.0]]) + shared + 0.01 * rng.standard_normal((2, 200)))
    np.testing.assert_array_equal(found.low, [1, 2])
    np.testing.assert_array_equal(found.tie_group, [1, 2])


def test_equal_candidates_share_first_place_and_one_group():
    found = standing(np.array([1.0, 1.0, 1.0]), np.tile(np.arange(6.0), (3, 1)))
    np.testing.assert_allclose(found.p_best, 1 / 3)
    np.testing.assert_array_equal(found.rank, [1, 2, 3])
    np.testing.assert_array_equal(found.tie_group, [1, 1, 1])


def test_groups_are_led_by_their_first_not_chained():
    # Each is a hair from its neighbour in some world, but the third is never near the first.
    replicates = np.array([[0.0] * 20, [-0.1] * 2 + [1.0] * 18, [1.9] * 20, [1.8] * 2 + [3.0] * 18])
    found = standing(np.array([0.0, 0.9, 1.9, 2.9]), replicates)
    np.testing.assert_array_equal(found.tie_group, [1, 1, 2, 2])


def test_interval_is_the_central_nine_tenths_of_finite_draws():
    # 0 … 100: 5 and 95; NaN draws are left out.
    assert interval(50.0, np.arange(101.0)) == (5.0, 95.0)
    assert interval(50.0, np.concatenate([np.arange(101.0), np.full(100, np.nan)])) == (5.0, 95.0)


def test_there_is_no_interval_where_most_draws_do_not_exist():
    assert interval(1.0, np.array([1.0, np.nan, np.nan])) is None
    assert interval(1.0, np.array([1.0, np.nan])) == (1.0, 1.0)
    assert interval(1.0, np.array([])) is None


def test_a_candidate_no_better_than_its_shuffles_is_never_tied_with_one_that_is():
    """All three overlap in every replicate; only the null tells the last one apart."""
    replicates = np.random.default_rng(0).normal(size=(3, 200))
    values = np.array([0.0, 0.01, 0.02])
    assert standing(values, replicates).tie_group.tolist() == [1, 1, 1]
    assert standing(values, replicates, np.array([True, True, False])).tie_group.tolist() == [1, 1, 2]


def test_an_interval_holds_its_value_and_stops_at_what_is_possible():
    # PGR of candidates with next to no headroom is a ratio of expectations far outside the draws.
    assert interval(120.0, np.arange(101.0)) == (5.0, 120.0)
    assert interval(2.0, np.arange(101.0)) == (2.0, 95.0)
    assert interval(50.0, np.arange(101.0) - 20.0) == (-15.0, 75.0)
    assert interval(50.0, np.arange(101.0) - 20.0, floor=0.0) == (0.0, 75.0)


def test_the_first_rank_has_the_highest_p_best():
    """By hand: c is best most often, so it shares with the leader; b stays below both."""
    assert led_by(0, np.array([0.2, 0.3, 0.5])) == pytest.approx([0.35, 0.3, 0.35])
    assert led_by(0, np.array([0.1, 0.45, 0.45])) == pytest.approx([1 / 3] * 3)
    assert led_by(1, np.array([0.2, 0.5, 0.3])) == pytest.approx([0.2, 0.5, 0.3])


def test_less_than_half_a_test_row_apart_is_equal():
    """Students that name the same class of every row: expected values differ by what rows weigh, and no draw does."""
    shared = -np.random.default_rng(0).integers(60, 90, 400) / 100
    moved = np.array([0.0, 0.001, 0.004])
    replicates = shared + moved[:, None]
    found = standing(moved - 0.75, replicates, step=0.01)
    assert found.p_best == pytest.approx([1 / 3] * 3)
    assert found.tie_group.tolist() == [1, 1, 1]
    assert standing(moved - 0.75, replicates).p_best.tolist() == [1.0, 0.0, 0.0]


def test_a_whole_test_row_apart_is_not():
    replicates = np.array([[-0.80] * 50, [-0.79] * 50])
    found = standing(np.array([-0.80, -0.79]), replicates, step=0.01)
    assert found.p_best.tolist() == [1.0, 0.0]
    assert found.tie_group.tolist() == [1, 2]
