"""Backtest: what a calibration would have said of every task, had that task not been measured yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.calibration.fit import MIN_TASKS, Array, Groups, fit_line, task_mean


@dataclass(frozen=True)
class Backtest:
    """Errors on tasks left out, each task weighing the same; in the unit of what is measured.

    Attributes:
        mae: mean absolute error of the calibrated prediction.
        mae_mean: that of always saying the mean of the other tasks.
        mae_as_predicted: that of the prediction as it was; None where it is in another unit.
        coverage: share of measurements inside the 90 % interval.
        width: mean width of these intervals.
    """

    mae: float
    mae_mean: float
    mae_as_predicted: float | None
    coverage: float
    width: float


def backtest(x: Array, y: Array, tasks: Groups, *, same_unit: bool) -> Backtest:
    """Fit without each task in turn, shrinkage and interval included, and compare with what was measured there.

    Args:
        x, y, tasks: as for `fit_line`.
        same_unit: whether x is in the unit of y.

    Raises:
        InputError: fewer tasks than a fit needs (`TOO_FEW_TASKS`).
    """
    names = np.unique(tasks)
    fit_line(x, y, tasks)
    errors, flat, inside, widths = (np.empty_like(y) for _ in range(4))
    for task in names:
        held = tasks == task
        line = fit_line(x[~held], y[~held], tasks[~held], least=MIN_TASKS - 1)
        errors[held] = np.abs(y[held] - (line.intercept + line.slope * x[held]))
        flat[held] = np.abs(y[held] - np.mean([y[tasks == other].mean() for other in names if other != task]))
        inside[held] = errors[held] <= line.spread
        widths[held] = 2.0 * line.spread
    return Backtest(
        mae=task_mean(errors, tasks),
        mae_mean=task_mean(flat, tasks),
        mae_as_predicted=task_mean(np.abs(y - x), tasks) if same_unit else None,
        coverage=task_mean(inside, tasks),
        width=task_mean(widths, tasks),
    )
