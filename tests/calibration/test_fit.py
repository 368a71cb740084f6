"""The fit against a twin written out term by term, and its intervals on worlds whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from predictor.calibration.backtest import backtest
from predictor.calibration.fit import SHRINKAGES, fit_line, task_weights
from predictor.errors import InputError
from predictor.statistics.student_t import student_quantile


def twin(x: list[float], y: list[float], tasks: list[int], same_unit: bool) -> tuple[float, float, float]:
    """Intercept, slope and spread in plain loops."""

    def line(rows: list[int], share: float | str) -> tuple[float, float]:
        held = sorted({tasks[i] for i in rows})
        weight = {i: 1 / len(held) / sum(tasks[j] == tasks[i] for j in rows) for i in rows}
        across, up = sum(weight[i] * x[i] for i in rows), sum(weight[i] * y[i] for i in rows)
        if isinstance(share, str):
            return 0.0 if share == "as predicted" else up - across, 1.0
        covariance = sum(weight[i] * (x[i] - across) * (y[i] - up) for i in rows)
        variance = sum(weight[i] * (x[i] - across) ** 2 for i in rows)
        slope = share * max(0.0, covariance) / variance
        return up - slope * across, slope

    names = sorted(set(tasks))
    losses = []
    shares = [*(("as predicted", "shifted") if same_unit else ()), 0.0, 0.25, 0.5, 0.75, 1.0]
    for share in shares:
        loss = 0.0
        for task in names:
            rest = [i for i in range(len(x)) if tasks[i] != task]
            mine = [i for i in range(len(x)) if tasks[i] == task]
            intercept, slope = line(rest, share)
            loss += sum((y[i] - intercept - slope * x[i]) ** 2 for i in mine) / len(mine) / len(names)
        losses.append(loss)
    best = min(range(len(shares)), key=lambda place: losses[place])
    intercept, slope = line(list(range(len(x))), shares[best])
    return intercept, slope, student_quantile(0.95, len(names) - 1, terms=3) * math.sqrt(losses[best])


def world(rng: np.random.Generator, tasks: int, each: int, shared: float, slope: float):
    """(x, y, task): tasks differ in x and in what they add to y, by √shared against √(1 − shared) within."""
    x = rng.normal(size=(tasks, 1)) + 0.5 * rng.normal(size=(tasks, each))
    y = slope * x + np.sqrt(shared) * rng.normal(size=(tasks, 1)) + np.sqrt(1 - shared) * rng.normal(size=(tasks, each))
    return x.ravel(), y.ravel(), np.repeat(np.arange(tasks), each)


@pytest.mark.parametrize("same_unit", [False, True])
@pytest.mark.parametrize("shift", [0.0, 3.0])
@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.2, 0.9])
def test_the_line_is_that_of_its_term_by_term_twin(slope, shift, same_unit):
    rng = np.random.default_rng(4)
    tasks = np.array([0, 0, 0, 1, 2, 2, 3, 3, 3, 3, 4, 4])
    x = rng.normal(size=12) + tasks
    y = slope * x + rng.normal(size=12) + shift
    found = fit_line(x, y, tasks, same_unit=same_unit)
    expected = twin(x.tolist(), y.tolist(), tasks.tolist(), same_unit)
    assert (found.intercept, found.slope, found.spread) == pytest.approx(expected, abs=1e-12)
    assert (found.tasks, found.outcomes, found.low, found.high) == (5, 12, x.min(), x.max())


def test_every_task_weighs_the_same_whatever_the_number_of_its_candidates():
    tasks = np.array([0, 1, 1, 1, 1])
    assert task_weights(tasks) == pytest.approx([1 / 2, 1 / 8, 1 / 8, 1 / 8, 1 / 8])
    assert np.array([0.0, 1.0, 1.0, 1.0, 1.0]) @ task_weights(tasks) == pytest.approx(0.5)
    x = np.array([0.0, 1.0, 2.0, 3.0])
    once = fit_line(x, x**2, np.arange(4))
    many = fit_line(np.append(x, [3.0] * 20), np.append(x**2, [9.0] * 20), np.append(np.arange(4), [3] * 20))
    assert (many.intercept, many.slope, many.spread) == pytest.approx((once.intercept, once.slope, once.spread))


def test_a_prediction_that_runs_the_wrong_way_gives_the_mean_not_a_turned_order():
    x, tasks = np.linspace(0, 1, 8), np.repeat(np.arange(4), 2)
    found = fit_line(x, -x, tasks)
    assert (found.slope, found.intercept) == pytest.approx((0.0, -0.5))


def test_constant_predictions_give_the_mean():
    found = fit_line(np.ones(8), np.arange(8.0), np.repeat(np.arange(4), 2))
    assert (found.slope, found.at(7.0)) == pytest.approx((0.0, 3.5))


def test_a_prediction_that_is_right_everywhere_is_left_as_it_is():
    x = np.random.default_rng(0).normal(size=20)
    found = fit_line(x, x, np.repeat(np.arange(5), 4))
    assert (found.slope, found.intercept, found.spread) == pytest.approx((1.0, 0.0, 0.0), abs=1e-9)
    assert found.interval(0.3) == pytest.approx((0.3, 0.3))


def test_a_prediction_that_is_right_but_for_noise_or_for_a_shift_is_left_in_its_own_unit():
    rng = np.random.default_rng(6)
    x, tasks = rng.normal(size=24), np.repeat(np.arange(6), 4)
    y = x + 0.5 * rng.normal(size=24)
    right, shifted = fit_line(x, y, tasks, same_unit=True), fit_line(x, y + 5.0, tasks, same_unit=True)
    assert (right.intercept, right.slope) == pytest.approx((0.0, 1.0), abs=1e-12)
    assert right.spread == pytest.approx(student_quantile(0.95, 5, terms=3) * np.sqrt(np.mean((y - x) ** 2)))
    assert (shifted.slope, shifted.intercept) == pytest.approx((1.0, 5.0 + np.mean(y - x)))
    assert fit_line(x, y, tasks).slope != 1.0


def test_a_noisy_prediction_is_shrunk_towards_the_mean():
    rng = np.random.default_rng(1)
    slopes = [fit_line(*world(rng, 4, 1, 0.9, 0.0)).slope for _ in range(200)]
    assert np.mean(np.array(slopes) == 0.0) > 0.5
    assert set(SHRINKAGES) == {0.0, 0.25, 0.5, 0.75, 1.0}


@pytest.mark.parametrize("tasks", [4, 6, 12])
@pytest.mark.parametrize(("shared", "slope"), [(0.0, 1.0), (0.9, 1.0), (0.9, 0.0)])
def test_nine_in_ten_candidates_of_new_tasks_lie_inside(tasks, shared, slope):
    """Whether candidates of a task err alike or each for itself, and whether predictions help or not."""
    rng = np.random.default_rng([tasks, int(10 * shared), int(slope)])
    inside = []
    for _ in range(250):
        line = fit_line(*world(rng, tasks, 6, shared, slope))
        x, y, _ = world(rng, 10, 6, shared, slope)
        inside.append(np.mean(np.abs(y - line.at(0.0) - line.slope * x) <= line.spread))
    assert 0.87 <= np.mean(inside) <= 0.985


def test_intervals_that_took_candidates_for_independent_would_miss():
    """Why tasks are counted: the same world, with every candidate called a task of its own."""
    rng = np.random.default_rng(2)
    apart, together = [], []
    for _ in range(150):
        x, y, tasks = world(rng, 4, 12, 0.95, 0.0)
        new = world(rng, 20, 1, 0.95, 0.0)[1]
        apart.append(np.mean(np.abs(new - y.mean()) <= fit_line(x, y, np.arange(len(x))).spread))
        together.append(np.mean(np.abs(new - y.mean()) <= fit_line(x, y, tasks).spread))
    assert np.mean(apart) < 0.8 < 0.87 < np.mean(together)


def test_too_few_tasks_are_refused_with_the_number_needed():
    with pytest.raises(InputError, match=r"3 task\(s\) to fit on; at least 4 are needed"):
        fit_line(np.arange(9.0), np.arange(9.0), np.repeat(np.arange(3), 3))


def test_the_backtest_by_hand():
    x, y = np.array([0.0, 0.0, 1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 3.0, 5.0, 7.0, 9.0])
    found = backtest(x, y, np.array([0, 0, 1, 2, 3, 4]), same_unit=True)
    assert found.mae == pytest.approx(0.0, abs=1e-12)
    # The mean of the other four tasks: 6, 5.5, 5, 4.5, 4 against 1, 3, 5, 7, 9.
    assert found.mae_mean == pytest.approx((5 + 2.5 + 0 + 2.5 + 5) / 5)
    assert found.mae_as_predicted == pytest.approx((1 + 2 + 3 + 4 + 5) / 5)
    assert found.width == pytest.approx(0.0, abs=1e-9)
    assert backtest(x, y, np.array([0, 0, 1, 2, 3, 4]), same_unit=False).mae_as_predicted is None


@pytest.mark.parametrize("same_unit", [False, True])
def test_the_backtest_is_that_of_fits_on_the_other_tasks(same_unit):
    x, y, tasks = world(np.random.default_rng(9), 7, 6, 0.9, 0.7)
    found = backtest(x, y, tasks, same_unit=same_unit)
    errors, inside, widths = [], [], []
    for task in range(7):
        held = tasks == task
        line = fit_line(x[~held], y[~held], tasks[~held], same_unit=same_unit, min_tasks=3)
        missed = np.abs(y[held] - line.intercept - line.slope * x[held])
        errors.append(missed.mean())
        inside.append(np.mean(missed <= line.spread))
        widths.append(line.interval(0.0)[1] - line.interval(0.0)[0])
    assert 0.5 < np.mean(inside) < 1.0
    assert (found.mae, found.coverage, found.width) == pytest.approx(tuple(map(np.mean, (errors, inside, widths))))


def test_the_backtest_never_sees_the_task_that_it_scores():
    """A task that is off by 100 leaves the others' errors about as large as without it only if it is left out."""
    rng = np.random.default_rng(3)
    x, y, tasks = world(rng, 6, 4, 0.0, 1.0)
    y[tasks == 5] += 100.0
    found = backtest(x, y, tasks, same_unit=False)
    assert found.mae > 100.0 / 6
    assert found.coverage == pytest.approx(5 / 6, abs=0.05)
    with pytest.raises(InputError, match="at least 4 are needed"):
        backtest(x[tasks < 3], y[tasks < 3], tasks[tasks < 3], same_unit=False)
