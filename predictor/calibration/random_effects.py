"""Random effects: a candidate's mean residual on past tasks.

What a prediction misses of a model often goes with the model from task to task. Of the teachers c of one
student on task t, measured y and predicted x, let r be the residuals about their means; then

    r_tc  =  (y_tc − ȳ_t) − (x_tc − x̄_t)  =  u_c + noise,      u_c  =  Σ_t r_tc / (n_c + λ)

over the n_c tasks on which c had rivals: the best linear unbiased prediction of a random effect u_c where the noise
has λ times its variance (Robinson 1991, Statistical Science 6(1)). No effect is used where candidates of tasks left
out are not ordered better with u than without, by more than a standard error over these tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.calibration.fit import Groups
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import average_ranks

PRIOR_TASKS = 2.0
"""λ, in tasks: that many without a random effect are added to those a candidate was seen on."""


@dataclass(frozen=True, eq=False)
class _Group:
    """Teachers of one student on one task: numbers, predictions, and ranks of what was measured."""

    task: int
    weak: Groups
    predictions: Array
    ranks: Array

    def order(self, effects: Array) -> float:
        """Spearman's ρ of the predictions, with (C,) added, and the measurements; 0 where all predictions are one."""
        own = average_ranks(self.predictions + effects[self.weak])
        return float(np.corrcoef(own, self.ranks)[0, 1]) if np.ptp(own) > 0.0 else 0.0


@dataclass(frozen=True, eq=False)
class RandomEffects:
    """Residuals of C candidates on T tasks.

    Attributes:
        residuals: (T, C) mean over students of r_tc, 0 where there is none.
        seen: (T, C) where there is one.
        groups: of every student of every task, where its candidates did not all do equally well.
    """

    residuals: Array
    seen: NDArray[np.bool_]
    groups: tuple[_Group, ...]

    @classmethod
    def of(
        cls, x: Array, y: Array, tasks: Groups, rivals: Groups, weak: Groups, shape: tuple[int, int]
    ) -> RandomEffects:
        """Residuals of (n,) predictions and measurements in one unit.

        Args:
            x, y: (n,) each.
            tasks: (n,) in [0, T).
            rivals: (n,) the same for teachers of one student on one task.
            weak: (n,) candidate, in [0, C).
            shape: (T, C).
        """
        total, number = np.zeros(shape), np.zeros(shape)
        groups = []
        order = np.argsort(rivals, kind="stable")
        for own in np.split(order, np.flatnonzero(np.diff(rivals[order])) + 1):
            if len(own) < 2:
                continue
            gaps = y[own] - x[own]
            np.add.at(total, (tasks[own], weak[own]), gaps - gaps.mean())
            np.add.at(number, (tasks[own], weak[own]), 1.0)
            if np.ptp(y[own]) > 0.0:
                groups.append(_Group(int(tasks[own[0]]), weak[own], x[own], average_ranks(y[own])))
        return cls(total / np.maximum(number, 1.0), number > 0, tuple(groups))

    def pay(self, without: int | None = None) -> bool:
        """Whether effects from other tasks order the candidates of a task better, by a standard error.

        Args:
            without: a task that is not to be looked at.
        """
        effects = self._from_others(without)
        groups = [group for group in self.groups if group.task != without]
        tasks = np.array([group.task for group in groups], dtype=np.intp)
        if len(np.unique(tasks)) < 2:
            return False
        none = np.zeros(self.seen.shape[1])
        better = np.array([group.order(effects[group.task]) - group.order(none) for group in groups])
        names, place, counts = np.unique(tasks, return_inverse=True, return_counts=True)
        gained = np.bincount(place, better) / counts
        return bool(gained.mean() > np.std(gained, ddof=1) / np.sqrt(len(names)))

    def effects(self, without: int | None = None) -> Array:
        """(T, C) what is added to the predictions of a task: candidates' effects on the *other* tasks, if they pay.

        Args:
            without: a task that is not to be looked at for any of them.
        """
        return self._from_others(without) if self.pay(without) else np.zeros(self.residuals.shape)

    def of_new_tasks(self) -> Array:
        """(C,) u, added to the predictions of a task that is not among these; 0 where random effects do not pay."""
        effects: Array = self.residuals.sum(axis=0) / (self.met + PRIOR_TASKS)
        return effects if self.pay() else np.zeros_like(effects)

    @property
    def met(self) -> NDArray[np.intp]:
        """(C,) n, on how many tasks each candidate had rivals."""
        times: NDArray[np.intp] = self.seen.sum(axis=0)
        return times

    def _from_others(self, without: int | None) -> Array:
        """(T, C) u for each task from all others but one."""
        used = (np.arange(len(self.seen)) != (-1 if without is None else without))[:, None]
        residuals, seen = self.residuals * used, self.seen & used
        found: Array = (residuals.sum(axis=0) - residuals) / (seen.sum(axis=0) - seen + PRIOR_TASKS)
        return found


def of_candidates(
    random_effects: Mapping[str, float], met: Mapping[str, int], names: Sequence[str]
) -> tuple[Array, Array]:
    """(m,) what is added to the candidates' predictions, and (m,) its standard deviation; 0 where none is known.

    Estimated effects vary less than u does, E û² = τ² n / (n + λ), which gives τ². The standard deviation of u is τ for
    a candidate of no past task, and τ √(λ / (n + λ)) for one met on n tasks.

    Args:
        random effects: û of all candidates with an effect.
        met: n of these; 1 where it is not known.
        names: the candidates asked about.
    """
    known = np.array([random_effects.get(name, 0.0) for name in names])
    times = np.array([met.get(name, 1) if name in random_effects else 0 for name in names])
    if not times.any():
        return known, np.zeros(len(names))
    shares = [n / (n + PRIOR_TASKS) for n in (met.get(name, 1) for name in random_effects)]
    spread = np.sqrt(sum(by**2 for by in random_effects.values()) / sum(shares))
    return known, spread * np.sqrt(PRIOR_TASKS / (times + PRIOR_TASKS))
