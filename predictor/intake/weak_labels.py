"""Weak labels as callers pass them: by candidate's name, or as a candidate of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictor.errors import InputError
from predictor.intake.frames import table_of
from predictor.intake.label_tables import SOFT_COLUMNS
from predictor.intake.predictions import predictions_of, second_of_two
from predictor.intake.row_texts import OTHER_COLUMNS, TEXT_COLUMN
from predictor.intake.rows import read_predictions, read_weak_labels, weak_labels_of
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.statistics.arrays import Floats

WeakLabelsInput = Mapping[str, ArrayLike | str | Path | Any] | Sequence[str]
"""Candidate -> predictions, a file or a frame; or `NAME=FILE` strings."""


def weak_labels_given(
    given: WeakLabelsInput | None,
    finished: Mapping[str, Floats],
    candidates: Sequence[ModelSpec],
    pool: Pool,
    gold: Labels | None,
    column: str | None,
    id_column: str,
) -> dict[str, Floats]:
    """Candidate -> its weak labels: those given by name, beside those of `labels:` candidates.

    Args:
        finished: of `finished_labels`.
        column, id_column: of files and frames.

    Raises:
        InputError: an unknown candidate, one with labels of both kinds, or labels that cannot be read.
    """
    classes, columns = None if gold is None else gold.classes, (column, id_column)
    names = [spec.name for spec in candidates]
    if given is None:
        return dict(finished)
    if not isinstance(given, Mapping):
        found = dict(read_weak_labels(text, pool, names, classes, *columns) for text in given)
    else:
        found = {
            name: second_of_two(_predictions(values, pool, name, classes, *columns), classes)
            for name, values in given.items()
        }
    for name in found:
        if not any(name == known or name.startswith(f"{known}#") for known in names):
            raise InputError(
                f"weak labels are given for {name!r}, which is no candidate; the candidates are {', '.join(names)}.",
                reason="UNKNOWN_CANDIDATE",
                field="weak_labels",
            )
        if name in finished:
            raise InputError(
                f"candidate {name!r} is a file of labels and has weak labels too; give one of them.",
                reason="WEAK_LABELS_TWICE",
                field="weak_labels",
            )
    return {**finished, **found}


def finished_labels(
    candidates: Sequence[ModelSpec], pool: Pool, gold: Labels | None, column: str | None, id_column: str
) -> dict[str, Floats]:
    """Labels of the candidates that are files of labels, `labels:FILE`.

    Raises:
        InputError, NotFoundError: a file cannot be read.
    """
    classes = None if gold is None else gold.classes
    files = {one.name: one.parsed.locator for one in candidates if one.labels_only}
    read = (read_predictions(file, pool, name, classes, column, id_column) for name, file in files.items())
    return dict(zip(files, (second_of_two(table, classes) for table in read), strict=True))


def _predictions(
    values: Any, pool: Pool, name: str, classes: Sequence[str] | None, column: str | None, id_column: str
) -> Floats:
    if isinstance(values, str | Path):
        return read_predictions(values, pool, name, classes, column, id_column)
    table = table_of(values, f"weak labels of {name!r}")
    if table is not None and {column, "id", id_column, "label", *SOFT_COLUMNS} & {*table.columns}:
        named = {"id", id_column, TEXT_COLUMN, *OTHER_COLUMNS} & {*table.columns}
        table = table if named else replace(table, positional=True)
        return weak_labels_of(table, pool, name, classes, column, id_column)
    return predictions_of(_read_out(values), len(pool), name, classes)


def _read_out(values: Any) -> NDArray[Any]:
    """Weak labels as numpy sees them; tensors that learn, or of types that numpy lacks, give their values as a list."""
    return np.asarray(values.tolist() if hasattr(values, "tolist") and not hasattr(values, "to_numpy") else values)
