"""Fit: a straight line from predicted to measured values, with an interval from the tasks that it had not seen.

Candidates of one task share that task's random effect, so tasks are the units: each weighs the same, for any
number of its candidates, every error is that on a task left out, and the interval's quantile is Student's for that
many tasks.
Ours; the idea that groups and not rows are exchangeable is that of Dunn, Wasserman, Ramdas 2022 (arXiv:1809.07441).
Their distribution-free interval at 90 % is infinite below nine groups, which is more tasks than anyone starts with; so
the errors' size over tasks is assumed normal instead, and the backtest measures how well that holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.statistics.arrays import Array
from predictor.statistics.student_t import student_quantile

Groups = NDArray[np.intp]

MIN_TASKS = 4
"""Fewest tasks to fit on: with three, every left-out line rests on two, and its interval on two errors."""

SHRINKAGES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the least-squares slope that are tried; 0 predicts the mean."""


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


def fit_line(x: Array, y: Array, tasks: Groups, *, same_unit: bool = False, min_tasks: int = MIN_TASKS) -> Line:
    """The line of (n,) predictions and (n,) measurements, `tasks` (n,) naming the task of each.

    Of these the one whose mean square error on tasks left out is smallest: the task-weighted least-squares line with a
    share of its slope, each of `SHRINKAGES` (negative slopes are taken for 0); and, where x and y are in the same unit,
    y = x, and y = x + the tasks' mean difference. With e² that least mean square, spread = t_{0.95, T−1} · e.

    Args:
        x, y, tasks: (n,) each.
        same_unit: whether x is in the unit of y.
        min_tasks: fewest tasks allowed, 3 or more.

    Raises:
        InputError: fewer tasks than that (`TOO_FEW_TASKS`).
    """
    return TaskMoments.of(x, y, tasks).line(same_unit, min_tasks)


@dataclass(frozen=True, eq=False)
class TaskMoments:
    """All that a fit needs of each task: (T,) means of x, y and their products, about a common centre.

    Attributes:
        x, y, xx, xy, yy: of every task.
        low, high: (T,) smallest and largest prediction.
        outcomes: (T,) counts.
        centre: what was taken off x and y, so that squares of far-off numbers do not cancel.
    """

    x: Array
    y: Array
    xx: Array
    xy: Array
    yy: Array
    low: Array
    high: Array
    outcomes: Groups
    centre: tuple[float, float]

    @classmethod
    def of(cls, x: Array, y: Array, tasks: Groups) -> TaskMoments:
        """The moments of (n,) pairs."""
        names, place, counts = np.unique(tasks, return_inverse=True, return_counts=True)
        weights = task_weights(tasks)
        centre = (float(weights @ x), float(weights @ y))
        u, v = x - centre[0], y - centre[1]

        def mean(values: Array) -> Array:
            return np.bincount(place, values) / counts

        low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
        np.minimum.at(low, place, x)
        np.maximum.at(high, place, x)
        return cls(mean(u), mean(v), mean(u * u), mean(u * v), mean(v * v), low, high, counts, centre)

    def without(self, task: int) -> TaskMoments:
        """The same without one task."""
        kept = np.arange(len(self.x)) != task
        parts = (self.x, self.y, self.xx, self.xy, self.yy, self.low, self.high, self.outcomes)
        x, y, xx, xy, yy, low, high, outcomes = (part[kept] for part in parts)
        return TaskMoments(x, y, xx, xy, yy, low, high, outcomes, self.centre)

    def line(self, same_unit: bool, min_tasks: int = MIN_TASKS) -> Line:
        """See `fit_line`."""
        count = len(self.x)
        if count < min_tasks:
            raise InputError(
                f"{count} task(s) to fit on; at least {min_tasks} are needed, since candidates of one task are not "
                "independent of each other.",
                reason="TOO_FEW_TASKS",
            )
        x, y, xx, xy = ((part.sum() - part) / (count - 1) for part in (self.x, self.y, self.xx, self.xy))
        intercepts, slopes = self._lines(x, y, xx, xy, same_unit)
        squares = (
            self.yy
            - 2.0 * intercepts * self.y
            - 2.0 * slopes * self.xy
            + intercepts**2
            + 2.0 * intercepts * slopes * self.x
            + slopes**2 * self.xx
        )
        losses = np.maximum(squares, 0.0).mean(axis=1)
        best = int(np.argmin(losses))
        x, y, xx, xy = (np.array([part.mean()]) for part in (self.x, self.y, self.xx, self.xy))
        intercept, slope = (float(found[best, 0]) for found in self._lines(x, y, xx, xy, same_unit))
        return Line(
            intercept=self.centre[1] + intercept - slope * self.centre[0],
            slope=slope,
            spread=student_quantile(0.95, count - 1, terms=3) * float(np.sqrt(losses[best])),
            tasks=count,
            outcomes=int(self.outcomes.sum()),
            low=float(self.low.min()),
            high=float(self.high.max()),
        )

    def _lines(self, x: Array, y: Array, xx: Array, xy: Array, same_unit: bool) -> tuple[Array, Array]:
        """(C, T) intercepts and slopes of every candidate line, from (T,) means over the tasks that each rests on."""
        spread = xx - x * x
        flat = spread <= 1e-12 * np.maximum(xx, 1e-300)
        least_squares = np.where(flat, 0.0, np.maximum(xy - x * y, 0.0) / np.where(flat, 1.0, spread))
        slopes = [share * least_squares for share in SHRINKAGES]
        intercepts = [y - slope * x for slope in slopes]
        if same_unit:
            one = np.ones_like(x)
            slopes = [one, one, *slopes]
            intercepts = [(self.centre[0] - self.centre[1]) * one, y - x, *intercepts]
        return np.stack(intercepts), np.stack(slopes)


def task_weights(tasks: Groups) -> Array:
    """(n,) weights that sum to 1 and give every task the same share."""
    names, place, counts = np.unique(tasks, return_inverse=True, return_counts=True)
    weights: Array = 1.0 / (len(names) * counts[place])
    return weights
