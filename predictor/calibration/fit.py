"""Fit: a straight line from predicted to measured values, with an interval from the tasks that it had not seen.

Candidates of one task share that task's surprise, so tasks are the units: each weighs the same, whatever the number of
its candidates, every error is that on a task left out, and the interval's quantile is Student's for so many tasks.
Ours; the idea that groups and not rows are exchangeable is that of Dunn, Wasserman, Ramdas 2022 (arXiv:1809.07441).
Their distribution-free interval at 90 % is infinite below nine groups, which is more tasks than anyone starts with; so
the errors' size over tasks is taken for normal instead, and the backtest says how well that went.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError

Array = NDArray[np.float64]
Groups = NDArray[np.intp]

MIN_TASKS = 4
"""Fewest tasks to fit on: with three, every left-out line rests on two, and its interval on two errors."""

SHRINKAGES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the least-squares slope that are tried; 0 predicts the mean."""

_NORMAL_95 = 1.6448536269514722


@dataclass(frozen=True)
class Line:
    """y = intercept + slope · x with the 90 % half-width `spread`; slope ≥ 0, so that the order stays.

    Attributes:
        intercept, spread: in the unit of y.
        slope: units of y per unit of x.
        tasks, outcomes: what it rests on.
        low, high: range of x that it has seen.
    """

    intercept: float
    slope: float
    spread: float
    tasks: int
    outcomes: int
    low: float
    high: float

    def at(self, x: float) -> float:
        """Expected y."""
        return self.intercept + self.slope * x

    def interval(self, x: float) -> tuple[float, float]:
        """90 % interval of y for one candidate of a new task."""
        middle = self.at(x)
        return middle - self.spread, middle + self.spread


def fit_line(x: Array, y: Array, tasks: Groups, *, least: int = MIN_TASKS) -> Line:
    """The line of (n,) predictions and (n,) measurements, `tasks` (n,) naming the task of each.

    The slope is a share of the task-weighted least-squares slope, that of `SHRINKAGES` whose error on left-out tasks is
    least; negative slopes are taken for 0. With e² the mean square over tasks of the errors on tasks left out,
    spread = t_{0.95, T−1} · e.

    Args:
        x, y, tasks: (n,) each.
        least: fewest tasks, 3 or more.

    Raises:
        InputError: fewer tasks than that (`TOO_FEW_TASKS`).
    """
    names = np.unique(tasks)
    if len(names) < least:
        raise InputError(
            f"{len(names)} task(s) to fit on; at least {least} are needed, since candidates of one task are not "
            "independent of each other.",
            reason="TOO_FEW_TASKS",
        )
    left_out = np.stack([_left_out(x, y, tasks, share) for share in SHRINKAGES])
    losses = [task_mean(errors**2, tasks) for errors in left_out]
    best = int(np.argmin(losses))
    intercept, slope = _least_squares(x, y, tasks, SHRINKAGES[best])
    spread = student_95(len(names) - 1) * float(np.sqrt(losses[best]))
    return Line(intercept, slope, spread, len(names), len(x), float(x.min()), float(x.max()))


def task_mean(values: Array, tasks: Groups) -> float:
    """Mean over tasks of each task's mean."""
    return float(np.sum(values * task_weights(tasks)))


def task_weights(tasks: Groups) -> Array:
    """(n,) weights that sum to 1 and give every task the same share."""
    names, place, counts = np.unique(tasks, return_inverse=True, return_counts=True)
    weights: Array = 1.0 / (len(names) * counts[place])
    return weights


def student_95(freedom: int) -> float:
    """0.95 quantile of Student's t by the expansion of Abramowitz & Stegun 26.7.5; within 1.3 % from 2 degrees on."""
    z = _NORMAL_95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _left_out(x: Array, y: Array, tasks: Groups, share: float) -> Array:
    """(n,) y less what the line of all other tasks says of it."""
    errors = np.empty_like(y)
    for task in np.unique(tasks):
        held = tasks == task
        intercept, slope = _least_squares(x[~held], y[~held], tasks[~held], share)
        errors[held] = y[held] - (intercept + slope * x[held])
    return errors


def _least_squares(x: Array, y: Array, tasks: Groups, share: float) -> tuple[float, float]:
    weights = task_weights(tasks)
    across, up = float(weights @ x), float(weights @ y)
    spread = float(weights @ (x - across) ** 2)
    slope = share * max(float(weights @ ((x - across) * (y - up))), 0.0) / spread if spread > 0.0 else 0.0
    return up - slope * across, slope
