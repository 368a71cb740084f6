"""The race against plain loops, against scipy, and against what it promises."""

from __future__ import annotations

from math import log2, sqrt

import numpy as np
import pytest

from predictor.ranking.racing_bounds import HALVES, StageScores, level_of, schedule
from predictor.statistics.student_t import student_quantile


@pytest.mark.parametrize(
    ("rows", "share", "stages"),
    [
        (1200, 0.25, (150, 300)),
        (1200, 1.0, (150, 300, 600, 1200)),
        (1000, 0.1, (150,)),
        (100, 0.5, (100,)),
        (100_000, 1.0, (3125, 6250, 12500, 25000, 50000, 100_000)),
    ],
)
def test_stages_double_up_to_the_budget(rows: int, share: float, stages: tuple[int, ...]) -> None:
    assert schedule(rows, share) == stages


def test_one_comparison_gets_its_share_of_the_error() -> None:
    assert level_of(0.95, 2, 6) == pytest.approx(1 - 0.05 / 10)
    assert level_of(0.9, 1, 1) == pytest.approx(0.9)


def plain_bounds(stage: StageScores, level: float) -> tuple[list[list[float]], list[list[float]]]:
    """The formula of the module, pair by pair."""
    count = len(stage.values)
    low = [[0.0] * count for _ in range(count)]
    high = [[0.0] * count for _ in range(count)]
    t = student_quantile(level, stage.halves.shape[1] - 1)
    for i in range(count):
        for j in range(count):
            d = stage.values[i] - stage.values[j]
            h = [a - b for a, b in zip(stage.halves[i], stage.halves[j], strict=True)]
            mean = sum(h) / len(h)
            s = sqrt(sum((x - mean) ** 2 for x in h) / (len(h) - 1)) * sqrt(1 + stage.seen / stage.rows)
            moved = log2(stage.rows / stage.seen) * (d - mean)
            low[i][j] = d + min(0.0, moved) - t * s
            high[i][j] = d + max(0.0, moved) + t * s
    return low, high


def test_bounds_are_those_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=4)
    stage = StageScores(
        100, 800, values, values[:, None] + 0.1 * rng.normal(size=(4, HALVES)) + [[0.0], [0.2], [-0.3], [0.0]]
    )
    low, high = stage.bounds(0.99)
    expected = plain_bounds(stage, 0.99)
    np.testing.assert_allclose(low, expected[0], atol=1e-12)
    np.testing.assert_allclose(high, expected[1], atol=1e-12)


def test_a_lead_that_shrinks_with_every_doubling_drops_nobody() -> None:
    halves = np.array([[0.0], [0.5]]) + 1e-6 * np.random.default_rng(0).normal(size=(2, HALVES))
    shrinking = StageScores(100, 800, np.array([0.0, 0.3]), halves)
    growing = StageScores(100, 800, np.array([0.0, 0.7]), halves)
    assert shrinking.bounds(0.99)[0][1, 0] < 0.0
    assert growing.bounds(0.99)[0][1, 0] > 0.6
    assert growing.bounds(0.99)[1][1, 0] > 0.7 + 3 * 0.19


def race(losses: np.ndarray, stages: tuple[int, ...], confidence: float, rng: np.random.Generator) -> set[int]:
    """Who is left when a score is the mean of (m, N) losses over rows."""
    order, left = rng.permutation(losses.shape[1]), set()
    for seen in stages:
        active = [i for i in range(len(losses)) if i not in left]
        rows = losses[active][:, order[:seen]]
        halves = np.stack([rows[:, rng.permutation(seen)[: seen // 2]].mean(axis=1) for _ in range(HALVES)], axis=1)
        stage = StageScores(seen, losses.shape[1], rows.mean(axis=1), halves)
        low, _ = stage.bounds(level_of(confidence, len(stages), len(losses)))
        left |= {active[i] for i in range(len(active)) if low[i].max() > 0.0}
    return left


def test_the_best_of_all_rows_is_dropped_no_more_often_than_promised() -> None:
    rng = np.random.default_rng(1)
    wrong = clear = 0
    for _ in range(300):
        shared = rng.normal(size=800)
        losses = shared + rng.normal(size=(6, 800)) + np.array([0.0, 0.01, 0.02, 0.05, 0.6, 0.7])[:, None]
        left = race(losses, (100, 200), 0.9, rng)
        wrong += int(np.argmin(losses.mean(axis=1))) in left
        clear += len(left & {4, 5})
    assert wrong <= 300 * 0.1
    assert clear > 300
