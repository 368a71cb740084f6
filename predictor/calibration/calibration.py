"""Calibration: named corrections of predicted errors and gains, fitted on outcomes that had been predicted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from predictor.calibration.backtest import Backtest
from predictor.calibration.fit import Line
from predictor.errors import InputError

SCHEMA = "w2s.calibration.v1"

POINTS = "accuracy points"

PREDICTED = "label variance"
"""Unit of predicted errors and gains."""

Target = Literal["w2s_error", "gain", "accuracy_gain"]

TARGETS: tuple[Target, ...] = get_args(Target)

Given = Literal["value", "gain", "accuracy_gain"]

GIVEN: tuple[Given, ...] = get_args(Given)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Fit:
    """Line from one estimator's predictions to one measured quantity.

    Attributes:
        estimator: whose predictions go in.
        target: what comes out: the student's error, its gain over the teacher, or that gain in accuracy.
        unit: of what comes out: that of the outcomes, or accuracy points.
        given: what goes in: the predicted error or gain, in label variance, or the predicted gain in accuracy points.
        random_effects: weak model -> what is added to its prediction before the line is applied; empty where past tasks
            give no effect of single candidates.
        met: weak model -> number of tasks that its effect was estimated on.
    """

    estimator: str
    target: Target
    unit: str
    line: Line
    backtest: Backtest
    given: Given = "gain"
    random_effects: Mapping[str, float] = field(default_factory=dict)
    met: Mapping[str, int] = field(default_factory=dict)


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
            Fit(
                one["estimator"],
                one["target"],
                one["unit"],
                Line(**one["line"]),
                Backtest(**one["backtest"]),
                one.get("given") or given_before(one["target"]),
                one.get("random_effects") or {},
                one.get("met") or {},
            )
            for one in raw["fits"]
        )
        return cls(raw["name"], raw["version"], raw["recipe"], tuple(raw["tasks"]), raw["made_on"], fits)


def given_before(target: Target) -> Given:
    """Default of what went into a fit of that target."""
    return "value" if target == "w2s_error" else "gain"


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
