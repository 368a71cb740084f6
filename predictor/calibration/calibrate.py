"""Calibrate: outcomes in, a calibration out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import get_args

import numpy as np

from predictor.calibration.backtest import backtest
from predictor.calibration.calibration import (
    POINTS,
    PREDICTED,
    TARGETS,
    Calibration,
    Fit,
    Given,
    Target,
    check_name,
    given_before,
)
from predictor.calibration.fit import MIN_TASKS, Groups, fit_line
from predictor.calibration.random_effects import RandomEffects
from predictor.errors import InputError
from predictor.estimators.combined import Combined
from predictor.estimators.protocol import forecasts
from predictor.estimators.registry import ESTIMATORS
from predictor.outcomes.outcome import Outcome, Unit
from predictor.statistics.arrays import Array


def calibrate(name: str, outcomes: Sequence[Outcome], *, recipe: str | None = None) -> Calibration:
    """Fit every target of every estimator that predicts outcomes, where enough tasks speak of it.

    Args:
        name: letters, digits and `.`, `_`, `-`; at most 64.
        outcomes: those with predictions of such an estimator count.
        recipe: use those of this recipe only; None where all are of one.

    Raises:
        InputError: a bad name, several recipes, or too few tasks for any fit (`TOO_FEW_TASKS`).
    """
    check_name(name)
    forecasters = [e.name for e in ESTIMATORS.values() if forecasts(e) and not isinstance(e, Combined)]
    useful = [one for one in outcomes if one.predicted.keys() & set(forecasters) and recipe in (None, one.recipe)]
    recipes = sorted({one.recipe for one in useful})
    if len(recipes) > 1:
        raise InputError(
            f"the outcomes are of recipes {', '.join(recipes)}, which gain differently; name one with --recipe.",
            reason="SEVERAL_RECIPES",
            field="recipe",
        )
    past = _Past.of(useful)
    found = (past.fit(estimator, target) for estimator in forecasters for target in TARGETS)
    fits = tuple(fit for fit in found if fit is not None)
    tasks = tuple(sorted({one.task for one in useful}))
    if not fits:
        counts = f"{len(outcomes)} outcome(s) are recorded, {len(useful)} of them with predictions"
        if recipe is not None:
            counts += f" and of recipe {recipe!r}"
        raise InputError(
            f"a calibration needs outcomes with predictions from at least {MIN_TASKS} tasks, and there are "
            f"{len(tasks)} ({', '.join(tasks) or 'none'}): {counts}. Record more tasks with w2s validate --record, "
            "w2s outcomes add or w2s outcomes import.",
            reason="TOO_FEW_TASKS",
        )
    made_on = datetime.now(UTC).date().isoformat()
    content = json.dumps([recipes[0], tasks, [asdict(fit) for fit in fits]], sort_keys=True, allow_nan=False)
    version = hashlib.sha256(content.encode()).hexdigest()[:12]
    return Calibration(name, version, recipes[0], tasks, made_on, fits)


@dataclass(frozen=True, eq=False)
class _Past:
    """Outcomes with predictions, and their numbers among T tasks, students of these, and C candidates."""

    outcomes: Sequence[Outcome]
    tasks: Groups
    rivals: Groups
    weak: Groups
    candidates: list[str]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> _Past:
        task = _numbered([one.task for one in outcomes])[1]
        students = _numbered([f"{one.task}\0{one.strong}" for one in outcomes])[1]
        names, weak = _numbered([one.weak for one in outcomes])
        return cls(outcomes, task, students, weak, names)

    def fit(self, estimator: str, target: Target) -> Fit | None:
        """The fit; of gains in accuracy on those predicted as such if enough tasks have them, else on plain gains."""
        direct = self._fit(estimator, target, "accuracy_gain") if target == "accuracy_gain" else None
        return direct or self._fit(estimator, target, given_before(target))

    def _fit(self, estimator: str, target: Target, given: Given) -> Fit | None:
        """The fit, in the first unit that enough tasks are measured in; None where too few are in any."""
        units: tuple[str, ...] = (POINTS,) if target == "accuracy_gain" else get_args(Unit)
        for unit in units:
            x, y, used = self._pairs(estimator, target, given, unit)
            tasks, weak, rivals = self.tasks[used], self.weak[used], self.rivals[used]
            if len(np.unique(tasks)) < MIN_TASKS:
                continue
            same = unit == PREDICTED or given == target
            past = self._random_effects(estimator, given)
            moved = None if past is None else partial(_moved, x, past, tasks, weak)
            line = fit_line(x if moved is None else moved(None), y, tasks, same_unit=same)
            tested = backtest(x, y, tasks, same_unit=same, rivals=rivals, without=moved)
            effects, met = self._effects(past)
            return Fit(estimator, target, unit, line, tested, given, effects, met)
        return None

    def _random_effects(self, estimator: str, given: Given) -> RandomEffects | None:
        """What candidates did beyond these predictions, where it was measured in their unit."""
        target = next((t for t in TARGETS if t != "accuracy_gain" and given_before(t) == given), None)
        if target is None:
            return None
        x, y, used = self._pairs(estimator, target, given, PREDICTED)
        shape = (int(self.tasks.max()) + 1, len(self.candidates))
        return RandomEffects.of(x, y, self.tasks[used], self.rivals[used], self.weak[used], shape)

    def _effects(self, past: RandomEffects | None) -> tuple[dict[str, float], dict[str, int]]:
        """The effect of each candidate that has one, and the number of tasks it was estimated on."""
        if past is None:
            return {}, {}
        rows = zip(self.candidates, past.of_new_tasks(), past.met, strict=True)
        found = {name: (float(by), int(times)) for name, by, times in rows if by != 0.0}
        return {name: by for name, (by, _) in found.items()}, {name: times for name, (_, times) in found.items()}

    def _pairs(self, estimator: str, target: Target, given: Given, unit: str) -> tuple[Array, Array, Groups]:
        """(n,) predictions and measurements, and which outcomes these are."""
        pairs = [
            (one.predicted[estimator][given], measured, place)
            for place, one in enumerate(self.outcomes)
            if given in one.predicted.get(estimator, {})
            and (measured := getattr(one, target)) is not None
            and unit in (POINTS, one.unit)
        ]
        x, y, used = (np.array([pair[i] for pair in pairs]) for i in range(3))
        return x, y, used.astype(np.intp)


def _moved(x: Array, past: RandomEffects, tasks: Groups, weak: Groups, without: int | None) -> Array:
    """(n,) predictions with the effect of each candidate, estimated on tasks other than its own and than `without`."""
    moved: Array = x + past.effects(without)[tasks, weak]
    return moved


def _numbered(names: Sequence[str]) -> tuple[list[str], Groups]:
    """The names, each once, and the (n,) number of each."""
    found, numbers = np.unique(np.array(names, dtype=object), return_inverse=True)
    return [str(name) for name in found], numbers
