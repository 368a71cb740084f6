"""Backtest: what a calibration would have said of every task, had that task not been measured yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.calibration.fit import MIN_TASKS, Array, Groups, Moments

MOST = 200
"""Tasks left out at most; of more, evenly spaced ones."""


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
    moments = Moments.of(x, y, tasks)
    moments.line(same_unit)
    place = np.unique(tasks, return_inverse=True)[1]
    count = len(moments.x)
    left_out = np.unique(np.linspace(0, count - 1, min(count, MOST)).round().astype(int))
    means = moments.y + moments.centre[1]
    found = []
    for task in left_out:
        line = moments.without(int(task)).line(same_unit, MIN_TASKS - 1)
        said, measured = x[place == task], y[place == task]
        errors = np.abs(measured - line.intercept - line.slope * said)
        others = (means.sum() - means[task]) / (count - 1)
        flat, as_predicted = np.abs(measured - others), np.abs(measured - said)
        inside = errors <= line.spread
        found.append([float(np.mean(part)) for part in (errors, flat, as_predicted, inside)] + [2.0 * line.spread])
    mae, mae_mean, mae_as_predicted, coverage, width = np.mean(found, axis=0).tolist()
    return Backtest(mae, mae_mean, mae_as_predicted if same_unit else None, coverage, width)
