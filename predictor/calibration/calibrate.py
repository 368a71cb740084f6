"""Calibrate: outcomes in, a calibration out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import get_args

import numpy as np

from predictor.calibration.backtest import backtest
from predictor.calibration.calibration import (
    POINTS,
    TARGETS,
    Calibration,
    Fit,
    Given,
    Target,
    check_name,
    given_before,
)
from predictor.calibration.fit import MIN_TASKS, fit_line
from predictor.errors import InputError
from predictor.estimators import ESTIMATORS
from predictor.estimators.combined import Combined
from predictor.estimators.protocol import Forecaster
from predictor.outcomes import Outcome, Unit


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
    judges = [e.name for e in ESTIMATORS.values() if isinstance(e, Forecaster) and not isinstance(e, Combined)]
    useful = [one for one in outcomes if one.predicted.keys() & set(judges) and recipe in (None, one.recipe)]
    recipes = sorted({one.recipe for one in useful})
    if len(recipes) > 1:
        raise InputError(
            f"the outcomes are of recipes {', '.join(recipes)}, which gain differently; name one with --recipe.",
            reason="SEVERAL_RECIPES",
            field="recipe",
        )
    found = (_fit(useful, estimator, target) for estimator in judges for target in TARGETS)
    fits = tuple(fit for fit in found if fit is not None)
    tasks = tuple(sorted({one.task for one in useful}))
    if not fits:
        told = f"{len(outcomes)} outcome(s) are kept, {len(useful)} of them with predictions"
        if recipe is not None:
            told += f" and of recipe {recipe!r}"
        raise InputError(
            f"a calibration needs outcomes with predictions from at least {MIN_TASKS} tasks, and there are "
            f"{len(tasks)} ({', '.join(tasks) or 'none'}): {told}. Record more tasks with w2s validate --record, "
            "w2s outcomes add or w2s outcomes import.",
            reason="TOO_FEW_TASKS",
        )
    made_on = datetime.now(UTC).date().isoformat()
    content = json.dumps([recipes[0], tasks, [asdict(fit) for fit in fits]], sort_keys=True, allow_nan=False)
    version = hashlib.sha256(content.encode()).hexdigest()[:12]
    return Calibration(name, version, recipes[0], tasks, made_on, fits)


def _fit(outcomes: Sequence[Outcome], estimator: str, target: Target) -> Fit | None:
    """The fit; of gains in accuracy on those predicted as such where enough tasks have them, else on plain gains."""
    direct = _fit_of(outcomes, estimator, target, "accuracy_gain") if target == "accuracy_gain" else None
    return direct or _fit_of(outcomes, estimator, target, given_before(target))


def _fit_of(outcomes: Sequence[Outcome], estimator: str, target: Target, given: Given) -> Fit | None:
    """The fit, in the first unit that enough tasks are measured in; None where too few are in any."""
    units: tuple[str, ...] = (POINTS,) if target == "accuracy_gain" else get_args(Unit)
    for unit in units:
        pairs = [
            (one.predicted[estimator][given], measured, one.task)
            for one in outcomes
            if given in one.predicted.get(estimator, {})
            and (measured := getattr(one, target)) is not None
            and unit in (POINTS, one.unit)
        ]
        if len({task for _, _, task in pairs}) >= MIN_TASKS:
            x, y = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
            tasks = np.unique([pair[2] for pair in pairs], return_inverse=True)[1]
            same = unit == "label variance" or given == target
            line, tested = fit_line(x, y, tasks, same_unit=same), backtest(x, y, tasks, same_unit=same)
            return Fit(estimator, target, unit, line, tested, given)
    return None
