"""Rows in: files of texts, gold labels and weak labels become the pool and what is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError, NotFoundError
from predictor.intake.predictions import checked_predictions, second_of_two
from predictor.intake.tables import Table, read_table
from predictor.query.label_column import LabelColumn
from predictor.query.labels import Labels
from predictor.query.pool import Pool
from predictor.query.row_ids import likeness, rows_of
from predictor.statistics.arrays import Floats

TEXT_COLUMN = "text"
ID_COLUMN = "id"
LABEL_COLUMN = "label"


def read_rows(path: str | Path, text_column: str = TEXT_COLUMN, id_column: str = ID_COLUMN) -> Pool:
    """The pool in a `.jsonl .csv .tsv .parquet .txt` file, or by standard input where the path is `-`.

    Rows stay in the file's order. Ids come from `id_column`; where a file has no column `id`, rows are numbered from 0.
    See `predictor.intake.tables.read_table` for blank lines and encodings.

    Raises:
        NotFoundError: no such file.
        InputError: the file is malformed, empty, lacks a column, or a row has no text.
    """
    return _pool_of(read_table(path), text_column, id_column)


def read_task(
    path: str | Path, text_column: str = TEXT_COLUMN, id_column: str = ID_COLUMN, label_column: str = LABEL_COLUMN
) -> tuple[Pool, Labels]:
    """Rows with their gold labels, from one file; a row whose label is null or blank is unlabelled.

    Raises:
        NotFoundError, InputError: as `read_rows`, and as `Labels.of` for the labels.
    """
    table = read_table(path)
    pool = _pool_of(table, text_column, id_column)
    _need_column(table, label_column, "label")
    return pool, Labels.of(table.read(label_column), _places(table))


def read_labels(path: str | Path, pool: Pool, label_column: str = LABEL_COLUMN) -> Labels:
    """Gold labels of some pool rows: a table with columns `id` and `label`, or a `.npy` of shape (n,) with NaN.

    Raises:
        NotFoundError: no such file.
        InputError: an id that the pool does not have or that occurs twice, a wrong shape, fewer than 4 labels.
    """
    if Path(path).suffix.lower() == ".npy":
        values = _load_array(path, "labels")
        if values.shape != (len(pool),):
            raise InputError(
                f"{path} has shape {values.shape}; labels must be ({len(pool)},), one per pool row, NaN where unknown.",
                reason="ROWS_DIFFER",
                field="labels",
            )
        return Labels.of(values.tolist())
    table = read_table(path)
    found = _by_id(table, label_column, "labels")
    return Labels.by_id(pool.ids, found, dict(zip(found, _places(table), strict=True)))


def read_weak_labels(
    text: str, pool: Pool, names: Sequence[str] = (), classes: Sequence[str] | None = None
) -> tuple[str, Floats]:
    """One candidate's predictions on every pool row, from `NAME=FILE`; see `read_predictions`.

    A name may contain `=` (`pypi:P==1/x`), so the candidates' `names` are tried first, the longest before others.

    Raises:
        InputError: no NAME or no FILE; and as `read_predictions`.
    """
    name = max((known for known in names if text.startswith(f"{known}=")), key=len, default=text.partition("=")[0])
    path = text[len(name) + 1 :]
    if not name or not path:
        raise InputError(
            f"weak labels {text!r} must be given as NAME=FILE, NAME being a candidate.",
            reason="BAD_WEAK_LABELS",
            field="weak_labels",
        )
    return name, second_of_two(read_predictions(path, pool, name, classes), classes)


def read_predictions(path: str | Path, pool: Pool, name: str, classes: Sequence[str] | None = None) -> Floats:
    """One candidate's predictions on every pool row.

    Args:
        path: a `.npy` of shape (n,) or (n, classes), or a table with columns `id` and `label` where a label is a
            number, a class name or a list of class probabilities.
        pool: the rows that the predictions belong to.
        name: the candidate, for messages.
        classes: the gold labels' class names, where there are any: predictions given as names take the same codes.

    Returns:
        (n,) or (n, classes) float64, as the file has them; `second_of_two` makes one form of both.

    Raises:
        NotFoundError: no such file.
        InputError: a pool row without a prediction, a NaN or infinity, a class that is not among `classes`.
    """
    if Path(path).suffix.lower() == ".npy":
        return checked_predictions(_load_array(path, "weak_labels"), len(pool), name, classes)
    values, places = _every_row(read_table(path), pool, "weak_labels")
    return checked_predictions(values, len(pool), name, classes, places)


def read_numbers(path: str | Path, pool: Pool, what: str, field: str) -> Floats:
    """One number per pool row: a `.npy` of shape (n,), or a table with columns `id` and `label`.

    Raises:
        NotFoundError: no such file.
        InputError: a pool row without a number.
    """
    if Path(path).suffix.lower() == ".npy":
        column = LabelColumn.of(_load_array(path, field), what, field)
    else:
        values, places = _every_row(read_table(path), pool, field)
        column = LabelColumn.of(values, what, field, places)
    missing = next((row for row, value in enumerate(column.values) if value is None), None)
    if column.kind != "numbers" or missing is not None:
        found = f"are {column.kind}" if missing is None else f"are missing at {column.places[missing]}"
        raise InputError(
            f"{what}: the values of {path} {found}; give one number for each of the {len(pool)} pool rows.",
            reason="ROWS_DIFFER",
            field=field,
        )
    return np.array(column.values, dtype=np.float64)


def _every_row(table: Table, pool: Pool, field: str) -> tuple[list[object], list[str]]:
    """The label cell of every pool row, and where each is.

    Raises:
        InputError: a pool row that the table does not have.
    """
    values = _by_id(table, LABEL_COLUMN, field)
    places = dict(zip(values, _places(table), strict=True))
    names = {row: name for name, row in rows_of(tuple(values), pool.ids).items() if row is not None}
    missing = [one for row, one in enumerate(pool.ids) if row not in names]
    if missing:
        raise InputError(
            f"{table.source} has no prediction for {len(missing)} of {len(pool)} pool rows, the first being row "
            f"{missing[0]!r}; weak labels must cover every row. {likeness(missing[0], tuple(values))}",
            reason="ROWS_DIFFER",
            field=field,
        )
    return [values[names[row]] for row in range(len(pool))], [places[names[row]] for row in range(len(pool))]


def _places(table: Table) -> list[str]:
    return [f"{table.source}, {line}" for line in table.lines]


def _pool_of(table: Table, text_column: str, id_column: str) -> Pool:
    if not len(table):
        raise InputError(f"{table.source} has no rows.", reason="NO_ROWS", field="pool")
    _need_column(table, text_column, "text")
    has_ids = id_column in table.columns
    if not has_ids and id_column != ID_COLUMN:
        _need_column(table, id_column, "id")
    texts = [
        _text(value, place, text_column) for value, place in zip(table.read(text_column), _places(table), strict=True)
    ]
    return Pool.of(texts, _ids(table, id_column) if has_ids else None)


def _need_column(table: Table, column: str, meaning: str) -> None:
    if column not in table.columns:
        there = ", ".join(repr(name) for name in table.columns) or "none"
        raise InputError(
            f"{table.source} has no column {column!r}; its columns are: {there}. Name another with --{meaning}-column.",
            reason="MISSING_COLUMN",
            field="pool",
        )


def _text(value: object, place: str, column: str) -> str:
    if not isinstance(value, str):
        got = "no value" if value is None else f"a {type(value).__name__}"
        raise InputError(
            f"{place}: column {column!r} has {got}; every row needs a text (an empty string is one).",
            reason="ROW_WITHOUT_TEXT",
            field="pool",
        )
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InputError(
            f"{place}: half of a surrogate pair, which is no character. Write the row as UTF-8.",
            reason="BAD_ENCODING",
            field="pool",
        )
    return value


def _ids(table: Table, column: str) -> list[str]:
    ids = []
    for value, place in zip(table.read(column), _places(table), strict=True):
        if value is None or value == "" or value != value or isinstance(value, list | dict):
            raise InputError(
                f"{place}: column {column!r} has no id; give every row one, or drop the column to number the rows.",
                reason="ROW_WITHOUT_ID",
                field="pool",
            )
        ids.append(str(value))
    return ids


def _by_id(table: Table, label_column: str, field: str) -> dict[str, object]:
    for column in (ID_COLUMN, label_column):
        if column not in table.columns:
            there = ", ".join(repr(name) for name in table.columns) or "none"
            raise InputError(
                f"{table.source} has no column {column!r}; labels need columns 'id' and {label_column!r}, and it has: "
                f"{there}. Rows without ids are named by their number, from 0.",
                reason="MISSING_COLUMN",
                field=field,
            )
    found: dict[str, object] = {}
    for name, value, place in zip(_ids(table, ID_COLUMN), table.read(label_column), _places(table), strict=True):
        if name in found:
            raise InputError(f"{place}: row {name!r} is labelled twice.", reason="DUPLICATE_ROW_ID", field=field)
        found[name] = value
    return found


def _load_array(path: str | Path, field: str) -> NDArray[np.generic]:
    if not Path(path).is_file():
        raise NotFoundError(f"{path} does not exist; check the path.", reason="FILE_NOT_FOUND", field=field)
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(
            f"{path} is not a plain .npy array ({error}). Save numbers or strings with numpy.save; objects are "
            "refused.",
            reason="BAD_ARRAY_FILE",
            field=field,
        ) from error
    if not isinstance(loaded, np.ndarray):
        raise InputError(f"{path} has several arrays; save one as .npy.", reason="BAD_ARRAY_FILE", field=field)
    return loaded
