"""Calibrations: outcomes and what was fitted on them, to and from their wire form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from predictor.calibration.backtest import Backtest
from predictor.calibration.calibration import GIVEN, Calibration, Fit, Given, given_before
from predictor.calibration.fit import Line
from predictor.errors import InputError
from predictor.outcomes.outcome import Outcome
from predictor.query.training_plan import LabelForm
from protos.w2s.v1 import calibration_pb2 as pb

LABEL_FORMS: dict[int, LabelForm] = {pb.LABEL_FORM_SOFT: "soft", pb.LABEL_FORM_HARD: "hard"}
_UNITS: dict[int, str] = {
    pb.ERROR_UNIT_LABEL_VARIANCE: "label variance",
    pb.ERROR_UNIT_LOG_LOSS: "log-loss",
    pb.ERROR_UNIT_ERROR_RATE: "error rate",
}
_TARGETS: dict[int, str] = {
    pb.CALIBRATION_TARGET_W2S_ERROR: "w2s_error",
    pb.CALIBRATION_TARGET_GAIN: "gain",
    pb.CALIBRATION_TARGET_ACCURACY_GAIN: "accuracy_gain",
}
_SAME = ("task", "strong", "weak", "recipe", "loss", "seeds", "rows", "measured_on", "origin")
_OPTIONAL = (
    *("weak_error", "w2s_error", "ceiling_error", "weak_accuracy", "w2s_accuracy", "ceiling_accuracy"),
    "standard_error",
)


def outcome_to_proto(outcome: Outcome) -> pb.Outcome:
    """The outcome as a message.

    Raises:
        InputError: a text that is no UTF-8.
    """
    try:
        return pb.Outcome(
            label_form=_code(LABEL_FORMS, outcome.label_form),
            unit=_code(_UNITS, outcome.unit),
            predicted=[pb.Prediction(estimator=name, numbers=numbers) for name, numbers in outcome.predicted.items()],
            **{name: getattr(outcome, name) for name in (*_SAME, *_OPTIONAL)},
        )
    except (UnicodeEncodeError, ValueError) as error:
        raise InputError(f"an outcome cannot be sent: {error}.", reason="BAD_OUTCOME") from error


def outcome_from_proto(message: pb.Outcome) -> Outcome:
    """The outcome of a message, validated.

    Raises:
        InputError: a part is missing, out of range, or given twice.
    """
    predicted = {one.estimator: dict(one.numbers) for one in message.predicted}
    if len(predicted) < len(message.predicted) or "" in predicted:
        raise InputError(
            "predicted of an outcome names an estimator twice, or none; give each one entry.",
            reason="BAD_OUTCOME",
            field="predicted",
        )
    same: dict[str, Any] = {name: getattr(message, name) for name in _SAME}
    numbers: dict[str, Any] = {n: getattr(message, n) if message.HasField(n) else None for n in _OPTIONAL}
    return Outcome(
        label_form=_word(LABEL_FORMS, message.label_form, "label_form"),
        unit=_word(_UNITS, message.unit, "unit"),
        predicted={name: numbers for name, numbers in predicted.items() if numbers},
        **same,
        **numbers,
    )


def calibration_to_proto(calibration: Calibration) -> pb.Calibration:
    """The calibration as a message."""
    return pb.Calibration(
        name=calibration.name,
        version=calibration.version,
        recipe=calibration.recipe,
        tasks=calibration.tasks,
        made_on=calibration.made_on,
        fits=[
            pb.CalibrationFit(
                estimator=fit.estimator,
                target=_code(_TARGETS, fit.target),
                unit=fit.unit,
                line=pb.CalibrationLine(**vars(fit.line)),
                backtest=pb.CalibrationBacktest(**vars(fit.backtest)),
                given=fit.given,
                random_effects=fit.random_effects,
                met=fit.met,
            )
            for fit in calibration.fits
        ],
    )


def calibration_from_proto(message: pb.Calibration) -> Calibration:
    """The calibration of a message.

    Raises:
        InputError: a target that is unknown here.
    """
    return Calibration(
        name=message.name,
        version=message.version,
        recipe=message.recipe,
        tasks=tuple(message.tasks),
        made_on=message.made_on,
        fits=tuple(
            Fit(
                fit.estimator,
                _word(_TARGETS, fit.target, "target"),
                fit.unit,
                Line(**{name: getattr(fit.line, name) for name in Line.__dataclass_fields__}),
                _backtest(fit.backtest),
                _given(fit),
                dict(fit.random_effects),
                dict(fit.met),
            )
            for fit in message.fits
        ),
    )


def _given(message: pb.CalibrationFit) -> Given:
    found = next((known for known in GIVEN if known == message.given), None)
    if message.given and found is None:
        raise InputError(
            f"given of a fit is {message.given[:80]!r}; it must be one of {', '.join(GIVEN)}.",
            reason="BAD_CALIBRATION",
            field="given",
        )
    return found or given_before(_word(_TARGETS, message.target, "target"))


def _backtest(message: pb.CalibrationBacktest) -> Backtest:
    optional = ("mae_as_predicted", "order", "order_as_predicted")
    given = {name: getattr(message, name) if message.HasField(name) else None for name in optional}
    return Backtest(mae=message.mae, mae_mean=message.mae_mean, coverage=message.coverage, width=message.width, **given)


def _code(table: Mapping[int, str], word: str) -> Any:
    return next(code for code, known in table.items() if known == word)


def _word(table: Mapping[int, str], code: int, field: str) -> Any:
    if code not in table:
        raise InputError(
            f"{field} of an outcome is {code}; it must be one of {', '.join(table.values())}.",
            reason="BAD_OUTCOME",
            field=field,
        )
    return table[code]
