"""Calibration: named corrections of predicted errors and gains, learnt from outcomes that had been predicted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import numpy as np

from predictor.calibration.backtest import Backtest, backtest
from predictor.calibration.fit import MIN_TASKS, Line, fit_line
from predictor.errors import InputError
from predictor.outcomes import Outcome, Unit

SCHEMA = "w2s.calibration.v1"

POINTS = "accuracy points"

Target = Literal["w2s_error", "gain", "accuracy_gain"]

TARGETS: tuple[Target, ...] = get_args(Target)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Fit:
    """What one estimator's predictions say of one measured quantity.

    Attributes:
        estimator: whose predictions, in label variance, go in.
        target: what comes out: the student's error, its gain over the teacher, or that gain in accuracy.
        unit: of what comes out: that of the outcomes, or accuracy points.
    """

    estimator: str
    target: Target
    unit: str
    line: Line
    backtest: Backtest


@dataclass(frozen=True)
class Calibration:
    """Fits under a name.

    Attributes:
        version: 12 hexadecimal digits over everything but name and date: the same fits have the same version.
        recipe: how the students of its outcomes were trained.
        tasks: their tasks, sorted.
        made_on: ISO date.
        fits: at most one per estimator and target.
    """

    name: str
    version: str
    recipe: str
    tasks: tuple[str, ...]
    made_on: str
    fits: tuple[Fit, ...]

    @property
    def reference(self) -> str:
        """`NAME@VERSION`."""
        return f"{self.name}@{self.version}"

    def fit_of(self, estimator: str, target: Target) -> Fit | None:
        """The fit of an estimator for a target, or None."""
        return next((fit for fit in self.fits if (fit.estimator, fit.target) == (estimator, target)), None)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Calibration:
        """The calibration of a JSON object that `to_dict` gave.

        Raises:
            InputError: another schema.
        """
        if raw.get("schema") != SCHEMA:
            raise InputError(
                f"schema is {raw.get('schema')!r}; this version reads {SCHEMA}. Run w2s calibrate again.",
                reason="BAD_CALIBRATION",
            )
        fits = tuple(
            Fit(one["estimator"], one["target"], one["unit"], Line(**one["line"]), Backtest(**one["backtest"]))
            for one in raw["fits"]
        )
        return cls(raw["name"], raw["version"], raw["recipe"], tuple(raw["tasks"]), raw["made_on"], fits)


def calibrate(name: str, outcomes: Sequence[Outcome], *, recipe: str | None = None) -> Calibration:
    """Fit every estimator and target that enough tasks speak of.

    Args:
        name: letters, digits and `.`, `_`, `-`; at most 64.
        outcomes: those with predictions count.
        recipe: use those of this recipe only; None where all are of one.

    Raises:
        InputError: a bad name, several recipes, or too few tasks for any fit (`TOO_FEW_TASKS`).
    """
    check_name(name)
    useful = [one for one in outcomes if one.predicted and recipe in (None, one.recipe)]
    recipes = sorted({one.recipe for one in useful})
    if len(recipes) > 1:
        raise InputError(
            f"the outcomes are of recipes {', '.join(recipes)}, which gain differently; name one with --recipe.",
            reason="SEVERAL_RECIPES",
            field="recipe",
        )
    estimators = sorted({estimator for one in useful for estimator in one.predicted})
    found = (_fit(useful, estimator, target) for estimator in estimators for target in TARGETS)
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


def check_name(name: str) -> None:
    """Refuse what is no name of a calibration.

    Raises:
        InputError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:80]!r} is no name of a calibration; give up to 64 letters, digits and . _ -, a letter, digit or _ "
            "first.",
            reason="BAD_NAME",
            field="name",
        )


def _fit(outcomes: Sequence[Outcome], estimator: str, target: Target) -> Fit | None:
    """The fit, in the first unit that enough tasks are measured in; None where too few are in any."""
    given = "value" if target == "w2s_error" else "gain"
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
            tested = backtest(x, y, tasks, same_unit=unit == "label variance")
            return Fit(estimator, target, unit, fit_line(x, y, tasks), tested)
    return None
