"""Outcome: one weak-to-strong run as it was measured, and what had been predicted of it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

from predictor.errors import InputError
from predictor.query.training_plan import LabelForm

SCHEMA = "w2s.outcome.v1"

Unit = Literal["label variance", "log-loss", "error rate"]

_ERRORS = ("weak_error", "w2s_error", "ceiling_error", "standard_error")
_ACCURACIES = ("weak_accuracy", "w2s_accuracy", "ceiling_accuracy")
_CIRCUMSTANCES = ("measured_on", "origin")


@dataclass(frozen=True)
class Outcome:
    """One measured run: a strong model trained on the labels of a weak one.

    Attributes:
        task, strong, weak: names as given; the task groups runs that are not independent of each other.
        recipe: how the student was trained: `ridge`, `logistic`, `full`, `lora`, or any other word.
        loss: what the student minimised, such as `squared` or `xent`; "" where unknown.
        label_form: whether the student was trained on probabilities (`soft`) or classes (`hard`).
        unit: of the errors; `label variance` is mean squared error over the variance of the labels.
        weak_error, w2s_error, ceiling_error: errors on fresh rows of the teacher, of its student, and of the student
            trained on gold labels; None where not measured.
        weak_accuracy, w2s_accuracy, ceiling_accuracy: shares of right answers, 0 to 1; None where not measured.
        standard_error: of `w2s_error`, over seeds or splits; None where unknown.
        seeds: runs averaged, 1 or more.
        rows: rows of the task, 0 where unknown.
        measured_on: ISO date, "" where unknown.
        origin: where the figures came from, for people.
        predicted: estimator -> named numbers predicted before training: `value` (predicted error) and `gain`, in label
            variance; empty where nothing was predicted.
    """

    task: str
    strong: str
    weak: str
    recipe: str = "ridge"
    loss: str = ""
    label_form: LabelForm = "soft"
    unit: Unit = "label variance"
    weak_error: float | None = None
    w2s_error: float | None = None
    ceiling_error: float | None = None
    weak_accuracy: float | None = None
    w2s_accuracy: float | None = None
    ceiling_accuracy: float | None = None
    standard_error: float | None = None
    seeds: int = 1
    rows: int = 0
    measured_on: str = ""
    origin: str = ""
    predicted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("task", "strong", "weak", "recipe"):
            if not getattr(self, name):
                raise _bad(name, "is empty; name it")
        for name, allowed in (("label_form", get_args(LabelForm)), ("unit", get_args(Unit))):
            if getattr(self, name) not in allowed:
                raise _bad(name, f"is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}")
        for name in _ERRORS:
            _check_number(name, getattr(self, name), 0.0, math.inf)
        for name in _ACCURACIES:
            _check_number(name, getattr(self, name), 0.0, 1.0)
        if self.w2s_error is None and self.w2s_accuracy is None:
            raise _bad("w2s_error", "is absent, and w2s_accuracy too; give at least one of them")
        for name, low in (("seeds", 1), ("rows", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise _bad(name, f"is {value!r}; it must be a whole number of at least {low}")
        if self.measured_on:
            _check_date(self.measured_on)
        for estimator, numbers in self.predicted.items():
            for name, value in numbers.items():
                _check_number(f"predicted.{estimator}.{name}", value, -math.inf, math.inf, optional=False)

    @property
    def gain(self) -> float | None:
        """Err_w − Err_w2s in the outcome's unit; None where either is unknown."""
        return _difference(self.weak_error, self.w2s_error)

    @property
    def accuracy_gain(self) -> float | None:
        """Accuracy of the student less that of its teacher, in accuracy points (-100 to 100); None where unknown."""
        gained = _difference(self.w2s_accuracy, self.weak_accuracy)
        return None if gained is None else 100.0 * gained

    @property
    def pgr(self) -> float | None:
        """(Err_w − Err_w2s) / (Err_w − Err_sc); of accuracies where errors are unknown.

        None where a part is unknown or the ceiling does not beat the weak model.
        """
        gain, headroom = self.gain, _difference(self.weak_error, self.ceiling_error)
        if gain is None or headroom is None:
            gain = _difference(self.w2s_accuracy, self.weak_accuracy)
            headroom = _difference(self.ceiling_accuracy, self.weak_accuracy)
        return None if gain is None or headroom is None or headroom <= 0.0 else gain / headroom

    @property
    def id(self) -> str:
        """SHA-256 hex of everything but when and whence: the same figures under the same names are the same run."""
        return content_id(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The JSON object; absent values are None."""
        predicted = {name: dict(sorted(numbers.items())) for name, numbers in self.predicted.items() if numbers}
        return {"schema": SCHEMA, **vars(self), "predicted": predicted}

    def to_json(self) -> str:
        """One line of JSON without its end."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Outcome:
        """The outcome of a JSON object.

        Raises:
            InputError: a field that is missing, unknown, of a wrong type or out of range.
        """
        known = {one.name for one in fields(cls)}
        given = {key: value for key, value in raw.items() if key != "schema"}
        if raw.get("schema", SCHEMA) != SCHEMA:
            raise _bad("schema", f"is {raw['schema']!r}; this version reads {SCHEMA}")
        unknown = next((key for key in given if key not in known), None)
        if unknown is not None:
            raise _bad(unknown, f"is no field of an outcome; known are {', '.join(sorted(known))}")
        missing = next((key for key in ("task", "strong", "weak") if key not in given), None)
        if missing is not None:
            raise _bad(missing, "is missing")
        for key, value in given.items():
            if key in _TEXTS and not isinstance(value, str):
                raise _bad(key, f"is {value!r}; it must be a text")
        return cls(**{**given, "predicted": _predicted(given.get("predicted") or {})})

    @classmethod
    def of_json(cls, line: str) -> Outcome:
        """The outcome of one line of JSON.

        Raises:
            InputError: no JSON object, or not one of an outcome.
        """
        try:
            raw = json.loads(line)
        except ValueError as error:
            raise InputError(f"an outcome is no JSON: {error}.", reason="BAD_OUTCOME") from error
        if not isinstance(raw, dict):
            raise InputError("an outcome must be a JSON object.", reason="BAD_OUTCOME")
        return cls.from_dict(raw)


def content_id(raw: Mapping[str, Any]) -> str:
    """The id of the outcome whose JSON object this is, whether or not it is one.

    Raises:
        ValueError: a number that is not finite.
    """
    content = {key: value for key, value in raw.items() if key not in _CIRCUMSTANCES}
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


_TEXTS = frozenset({"task", "strong", "weak", "recipe", "loss", "label_form", "unit", "measured_on", "origin"})


def outcomes_of(validation: Mapping[str, Any], *, origin: str = "w2s validate") -> tuple[Outcome, ...]:
    """The outcomes of a `w2s.validation.v1` object, one per trained candidate.

    `recipe`, `loss`, `label_form` and `unit` are read where the object has them (default: ridge heads, squared error,
    soft labels, label variance), `predicted` of every trained candidate likewise: estimator -> `value` and `gain`.

    Raises:
        InputError: not such an object.
    """
    if validation.get("schema") != "w2s.validation.v1":
        raise InputError(
            f"schema is {validation.get('schema')!r}; outcomes are read from w2s.validation.v1, the JSON of w2s "
            "validate -o.",
            reason="BAD_VALIDATION",
        )
    about = {
        "strong": validation["strong"],
        "task": validation["task"],
        "recipe": validation.get("recipe", "ridge"),
        "loss": validation.get("loss", "squared"),
        "label_form": validation.get("label_form", "soft"),
        "unit": validation.get("unit", "label variance"),
        "seeds": validation["splits"],
        "rows": validation["rows"],
        "measured_on": datetime.now(UTC).date().isoformat(),
        "origin": origin,
    }
    return tuple(
        Outcome.from_dict(
            {
                **about,
                "weak": one["name"],
                "weak_error": _mean(one, "weak_error"),
                "w2s_error": _mean(one, "w2s_error"),
                "ceiling_error": _mean(validation, "ceiling_error"),
                "weak_accuracy": _mean(one, "weak_accuracy"),
                "w2s_accuracy": _mean(one, "w2s_accuracy"),
                "ceiling_accuracy": _mean(validation, "ceiling_accuracy"),
                "standard_error": (one["w2s_error"] or {}).get("standard_error"),
                "predicted": one.get("predicted") or {},
            }
        )
        for one in validation["trained"]
    )


def predictions_in(ranking: Mapping[str, Any], candidate: str) -> dict[str, dict[str, float]]:
    """What a `w2s.ranking.v1` object predicted of one candidate: estimator -> `value` and `gain`, where it has both.

    Beside them `accuracy_gain` in points, where accuracies were predicted.

    Raises:
        InputError: not such an object, or no such candidate in it.
    """
    if ranking.get("schema") != "w2s.ranking.v1":
        raise InputError(
            f"schema is {ranking.get('schema')!r}; predictions are read from w2s.ranking.v1, the JSON of w2s rank -o.",
            reason="BAD_RANKING",
        )
    found = next((one for one in ranking["candidates"] if one["name"] == candidate), None)
    if found is None:
        names = ", ".join(one["name"] for one in ranking["candidates"])
        raise InputError(
            f"the ranking has no candidate {candidate!r}; --weak must be one of {names}.", reason="UNKNOWN_CANDIDATE"
        )
    return _predicted(
        {
            name: {
                "value": estimate["value"],
                "gain": estimate["details"]["gain"],
                "accuracy_gain": accuracy_gain(estimate["details"]),
            }
            for name, estimate in found["estimates"].items()
            if estimate["value"] is not None and "gain" in estimate["details"]
        }
    )


def accuracy_gain(details: Mapping[str, float]) -> float | None:
    """Accuracy predicted of the student less its teacher's, in points; None where they are not predicted."""
    gained = _difference(details.get("w2s_accuracy"), details.get("weak_accuracy"))
    return None if gained is None else 100.0 * gained


def _mean(holder: Mapping[str, Any], name: str) -> float | None:
    found = holder.get(name)
    return None if found is None else found["value"]


def _predicted(raw: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float]]:
    """What was predicted, without absent numbers and without estimators that have none."""
    known = {name: {key: v for key, v in numbers.items() if v is not None} for name, numbers in raw.items()}
    return {name: numbers for name, numbers in known.items() if numbers}


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _check_number(name: str, value: object, low: float, high: float, *, optional: bool = True) -> None:
    if value is None and optional:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(float(str(value))) or not low <= float(str(value)) <= high:
        span = f" from {low:g} to {high:g}" if math.isfinite(high) else f" of at least {low:g}" if low == 0.0 else ""
        raise _bad(name, f"is {value!r}; it must be a finite number{span}")


def _check_date(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise _bad("measured_on", f"is {text!r}; it must be a date such as 2025-01-31") from error


def _bad(name: str, what: str) -> InputError:
    return InputError(f"{name} of an outcome {what}.", reason="BAD_OUTCOME", field=name)
