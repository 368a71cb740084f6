"""Rows to label: chosen by what they leave of the differences that the choice hangs on."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from predictor.decision.label_stake import LabelStake
from predictor.decision.label_value import expected_regret, regret_shares
from tests.reference.design import loss_after, regret_after

NOISE = 0.3


def world(seed: int, groups: int = 1, students: int = 4, rows: int = 9, columns: int = 1) -> LabelStake:
    """A small world with similar rows, and students of unlike opinions."""
    rng = np.random.default_rng(seed)
    seen = rng.standard_normal((rows, 3))
    covariance = np.exp(-0.5 * np.sum((seen[:, None] - seen[None]) ** 2, axis=2)) + 0.05 * np.eye(rows)
    return LabelStake(rng.standard_normal((groups, students, rows, columns)) / rows, covariance, NOISE)


SHARES = np.array([0.0, 0.5, 0.2, 0.3])
EVERY = np.ones(9, dtype=bool)


@pytest.mark.parametrize(("groups", "columns"), [(1, 1), (3, 1), (2, 3)])
def test_left(groups: int, columns: int) -> None:
    """What chosen rows leave is what inverting the whole covariance leaves, row by row."""
    stake = world(1, groups, columns=columns)
    chosen = stake.choose(0, SHARES, 5, EVERY)
    for count in range(6):
        twin = loss_after(stake.slopes, stake.covariance, NOISE, 0, SHARES, chosen.rows[:count])
        assert chosen.left[count] == pytest.approx(twin, rel=1e-9)
    assert stake.left(0, SHARES, chosen.rows) == pytest.approx(chosen.left, rel=1e-9)


def test_first_row_is_best() -> None:
    """No other first row leaves less, and no other partner of it leaves less."""
    stake = world(2)
    chosen = stake.choose(0, SHARES, 2, EVERY).rows
    alone = [loss_after(stake.slopes, stake.covariance, NOISE, 0, SHARES, [row]) for row in range(9)]
    assert int(np.argmin(alone)) == chosen[0]
    pairs = [
        loss_after(stake.slopes, stake.covariance, NOISE, 0, SHARES, [chosen[0], row]) if row != chosen[0] else np.inf
        for row in range(9)
    ]
    assert int(np.argmin(pairs)) == chosen[1]


def test_batch_knows_itself() -> None:
    """Of two equal rows the second is worth little after the first, though alone it is worth as much."""
    covariance = np.eye(6)
    covariance[0, 1] = covariance[1, 0] = 0.999
    slopes = np.zeros((1, 2, 6, 1))
    slopes[0, 1, :, 0] = [1.0, 1.0, 0.9, 0.1, 0.1, 0.1]
    stake = LabelStake(slopes, covariance, 0.01)
    first, second = stake.choose(0, np.array([0.0, 1.0]), 2, np.ones(6, dtype=bool)).rows
    assert {int(first), int(second)} <= {0, 1, 2}
    assert 2 in (int(first), int(second))


def test_labelled_rows_are_not_proposed() -> None:
    """Rows that are not allowed are never chosen, and fewer come back where fewer are allowed."""
    allowed = EVERY.copy()
    allowed[[0, 3, 4]] = False
    rows = world(4).choose(0, SHARES, 9, allowed).rows
    assert sorted(rows.tolist()) == [1, 2, 5, 6, 7, 8]


def test_no_difference_leaves_nothing() -> None:
    """Of students that answer alike there is nothing to tell apart."""
    stake = world(5)
    alike = LabelStake(np.repeat(stake.slopes[:, :1], 4, axis=1), stake.covariance, NOISE)
    assert alike.choose(0, SHARES, 3, EVERY).left.tolist() == [0.0, 0.0, 0.0, 0.0]


def test_regret_shares() -> None:
    """By hand: the first candidate is taken, the second is better by 2 in one draw of four, the third by 1 in one."""
    draws = np.array([[1.0, 3.0, 4.0], [3.0, 1.0, 4.0], [1.0, 5.0, 0.0], [1.0, 4.0, 6.0]])
    lead, shares = regret_shares(draws)
    assert lead == 0
    assert shares.tolist() == pytest.approx([0.0, 2 / 3, 1 / 3])


@pytest.mark.parametrize("count", [0, 1, 3, 6])
def test_regret_of_two_students(count: int) -> None:
    """Between two students the expected regret is that of a brute force over drawn worlds, whatever rows are known."""
    stake, rng = world(6, students=2), np.random.default_rng(0)
    slopes, mean = stake.slopes[0, :, :, 0], np.array([0.5, 0.55])
    rows = stake.choose(0, np.array([0.0, 1.0]), 6, EVERY)
    truths = np.linalg.cholesky(stake.covariance) @ rng.standard_normal((9, 4000))
    draws = (mean[:, None] + slopes @ truths).T
    draws += mean - draws.mean(axis=0)
    found = expected_regret(draws, rows.left, rng)[count]
    brute = regret_after(mean, slopes, stake.covariance, NOISE, rows.rows[:count], rng, simulations=40000)
    today = regret_after(mean, slopes, stake.covariance, NOISE, [], rng, simulations=40000)
    assert found == pytest.approx(brute, abs=0.05 * today)


def test_chosen_rows_save_regret() -> None:
    """In drawn worlds of four students two chosen rows save most of what the best two could save over any two."""
    found = np.array([_regrets(seed) for seed in range(7, 15)])
    chosen, mean, best = found.mean(axis=0)
    assert mean - chosen > 0.6 * (mean - best)


def _regrets(seed: int) -> tuple[float, float, float]:
    """Regret after the two chosen rows, mean over all pairs of rows, and of the best pair."""
    stake, rng = world(seed), np.random.default_rng(seed)
    slopes, mean = stake.slopes[0, :, :, 0], 0.5 + 0.03 * rng.random(4)
    truths = np.linalg.cholesky(stake.covariance) @ rng.standard_normal((9, 2000))
    lead, shares = regret_shares((mean[:, None] + slopes @ truths).T)
    rows = tuple(sorted(stake.choose(lead, shares, 2, EVERY).rows.tolist()))

    def regret(pair: tuple[int, ...]) -> float:
        return regret_after(mean, slopes, stake.covariance, NOISE, pair, np.random.default_rng(2), simulations=2000)

    every = {pair: regret(pair) for pair in combinations(range(9), 2)}
    return every[rows], float(np.mean(list(every.values()))), min(every.values())
