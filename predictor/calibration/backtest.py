"""Backtest: what a calibration would have predicted for every task, had that task not been measured yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from predictor.calibration.fit import MIN_TASKS, Groups, TaskMoments
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation

MAX = 200
"""Tasks left out at most; of more, evenly spaced ones."""


@dataclass(frozen=True)
class Backtest:
    """Errors on tasks left out, each task weighing the same; in the unit of what is measured.

    Attributes:
        mae: mean absolute error of the calibrated prediction.
        mae_mean: that of predicting the mean of the other tasks.
        mae_as_predicted: that of the prediction as it was; None where it is in another unit.
        coverage: share of measurements inside the 90 % interval.
        width: mean width of these intervals.
        order: mean Spearman's ρ, over students of one task, of the calibrated prediction with the measurement; None
            where no student had two teachers.
        order_as_predicted: that of the prediction as it was.
    """

    mae: float
    mae_mean: float
    mae_as_predicted: float | None
    coverage: float
    width: float
    order: float | None = None
    order_as_predicted: float | None = None


def backtest(
    x: Array,
    y: Array,
    tasks: Groups,
    *,
    same_unit: bool,
    rivals: Groups | None = None,
    without: Callable[[int], Array] | None = None,
) -> Backtest:
    """Fit without each task, shrinkage and interval included, and compare with what was measured there.

    Args:
        x, y, tasks: as for `fit_line`.
        same_unit: whether x is in the unit of y.
        rivals: (n,) the same for teachers of one student on one task; None: each task had one.
        without: of a task's number in `tasks`: (n,) x as it would be without the measurements of that task.

    Raises:
        InputError: fewer tasks than a fit needs (`TOO_FEW_TASKS`).
    """
    moments = TaskMoments.of(x, y, tasks)
    moments.line(same_unit)
    names, place = np.unique(tasks, return_inverse=True)
    students = place if rivals is None else rivals
    count = len(moments.x)
    left_out = np.unique(np.linspace(0, count - 1, min(count, MAX)).round().astype(int))
    means = moments.y + moments.centre[1]
    found, orders = [], []
    for task in left_out:
        here = place == task
        if without is None:
            line, moved = moments.without(int(task)).line(same_unit, MIN_TASKS - 1), x[here]
        else:
            moved_by_others = without(int(names[task]))
            line = TaskMoments.of(moved_by_others[~here], y[~here], tasks[~here]).line(same_unit, MIN_TASKS - 1)
            moved = moved_by_others[here]
        predicted, measured = x[here], y[here]
        for student in np.unique(students[here]):
            own = students[here] == student
            both = [rank_correlation(by[own], measured[own]) for by in (moved, predicted)]
            orders.append([0.0 if rho is None else rho for rho in both] if np.ptp(measured[own]) > 0.0 else [])
        errors = np.abs(measured - line.intercept - line.slope * moved)
        others = (means.sum() - means[task]) / (count - 1)
        flat, as_predicted = np.abs(measured - others), np.abs(measured - predicted)
        inside = errors <= line.spread
        found.append([float(np.mean(part)) for part in (errors, flat, as_predicted, inside)] + [2.0 * line.spread])
    mae, mae_mean, mae_as_predicted, coverage, width = np.mean(found, axis=0).tolist()
    ranked = [pair for pair in orders if pair]
    order, as_ordered = np.mean(ranked, axis=0).tolist() if ranked else (None, None)
    return Backtest(mae, mae_mean, mae_as_predicted if same_unit else None, coverage, width, order, as_ordered)
