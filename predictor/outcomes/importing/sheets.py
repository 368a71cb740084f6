"""Sheets: outcomes from a table with one run a row, and from the JSON of `w2s validate`."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

from predictor.errors import InputError
from predictor.intake.tables import read_table
from predictor.outcomes.importing.runs import Imported, read_object
from predictor.outcomes.outcome import Outcome, outcomes_of

_KNOWN = {one.name for one in fields(Outcome)} - {"predicted"}
_WHOLE = frozenset({"seeds", "rows"})
_TEXTS = frozenset({"task", "strong", "weak", "recipe", "loss", "label_form", "unit", "measured_on", "origin"})


def read_sheet(path: Path) -> Imported:
    """One outcome a row of `.csv`, `.tsv`, `.parquet` or `.jsonl`.

    Columns are the fields of `predictor.outcomes.outcome.Outcome`; `task`, `strong`, `weak` and one of `w2s_error` and
    `w2s_accuracy` are needed, and `predicted.ESTIMATOR.value` and `predicted.ESTIMATOR.gain` are predictions. Other
    columns are refused, an empty cell is an absent value. JSON lines may also be outcomes as `w2s outcomes ls --json`
    prints them.

    Raises:
        InputError: a row that is no outcome; nothing of the file is taken then.
    """
    table = read_table(path)
    outcomes = []
    for record, line in zip(table.records(), table.lines, strict=True):
        try:
            outcomes.append(_outcome(record, path.name))
        except InputError as error:
            raise InputError(
                f"{table.source}, {line}: {error.message}", reason=error.reason, field=error.field
            ) from error
    return Imported("a table of outcomes", tuple(outcomes))


def read_validation(path: Path) -> Imported:
    """The outcomes of a file that `w2s validate -o` wrote.

    Raises:
        InputError: another kind of JSON.
    """
    return Imported("w2s validate results", outcomes_of(read_object(path), origin=path.name))


def _outcome(record: dict[str, Any], name: str) -> Outcome:
    if isinstance(record.get("predicted"), dict):
        return Outcome.from_dict({key: value for key, value in record.items() if key != "id"})
    raw: dict[str, Any] = {}
    predicted: dict[str, dict[str, float]] = {}
    for column, value in record.items():
        if _absent(value):
            continue
        kind, _, rest = column.partition(".")
        estimator, _, part = rest.rpartition(".")
        if kind == "predicted" and estimator and part:
            predicted.setdefault(estimator, {})[part] = _number(column, value)
        elif column in _KNOWN:
            raw[column] = str(value) if column in _TEXTS else _number(column, value)
        else:
            raise InputError(
                f"column {column!r} is none of an outcome; known are {', '.join(sorted(_KNOWN))} and "
                "predicted.ESTIMATOR.value and .gain.",
                reason="BAD_OUTCOME",
                field=column,
            )
    for column in _WHOLE & raw.keys():
        raw[column] = int(raw[column]) if raw[column] == int(raw[column]) else raw[column]
    return Outcome.from_dict({"origin": name, **raw, "predicted": predicted})


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or (value != value)


def _number(column: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{column} of an outcome is {value!r}; it must be a finite number.", reason="BAD_OUTCOME")
    return number
