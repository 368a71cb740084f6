"""Rows in: files of texts, gold labels and weak labels become the pool and what is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError, NotFoundError
from predictor.intake.label_tables import ID_COLUMN, RowLabel, ids_of, label_column_of, labels_by_id
from predictor.intake.predictions import checked_predictions, second_of_two
from predictor.intake.row_texts import TEXT_COLUMN, texts_of
from predictor.intake.tables import Table, read_table
from predictor.query.label_column import LabelColumn
from predictor.query.labels import Labels
from predictor.query.pool import Pool
from predictor.query.row_ids import likeness, rows_of
from predictor.statistics.arrays import Floats


def read_rows(
    path: str | Path, text_column: str = TEXT_COLUMN, id_column: str = ID_COLUMN, template: str | None = None
) -> Pool:
    """The pool in a file, a folder, or standard input where the path is `-`; see `predictor.intake.tables.read_table`.

    Rows stay in the file's order. Ids come from `id_column`; where a file has no column `id`, rows are numbered from 0.
    See `predictor.intake.row_texts.texts_of` for texts of several columns and conversations.

    Raises:
        NotFoundError: no such file.
        InputError: the file is malformed, empty, lacks a column, or a row has no text.
    """
    return pool_of(read_table(path), text_column, id_column, template)


def read_task(
    path: str | Path,
    text_column: str = TEXT_COLUMN,
    id_column: str = ID_COLUMN,
    label_column: str | None = None,
    template: str | None = None,
) -> tuple[Pool, Labels]:
    """Rows with their gold labels, from one file; a row whose label is null or blank is unlabelled.

    Raises:
        NotFoundError, InputError: as `read_rows`, and as `Labels.of` for the labels.
    """
    return task_of(read_table(path), text_column, id_column, label_column, template)


def task_of(
    table: Table, text_column: str, id_column: str, label_column: str | None, template: str | None
) -> tuple[Pool, Labels]:
    """See `read_task`."""
    pool = pool_of(table, text_column, id_column, template)
    column = label_column_of(table, label_column, "gold", "labels")
    return pool, Labels.of(table.read(column), table.places)


def pool_of(
    table: Table, text_column: str = TEXT_COLUMN, id_column: str = ID_COLUMN, template: str | None = None
) -> Pool:
    """See `read_rows`."""
    if not len(table):
        raise InputError(f"{table.source} has no rows.", reason="NO_ROWS", field="pool")
    texts = texts_of(table, text_column, template)
    if id_column not in table.columns and id_column == ID_COLUMN:
        return Pool.of(texts)
    table.need(id_column, "id")
    return Pool.of(texts, ids_of(table, id_column))


def read_labels(path: str | Path, pool: Pool, label_column: str | None = None, id_column: str = ID_COLUMN) -> Labels:
    """Gold labels of some pool rows: a table, or a `.npy` of shape (n,) with NaN.

    A table has a column of ids, else of texts; see `predictor.intake.label_tables` for the column of labels.

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
    return labels_of(read_table(path), pool, label_column, id_column)


def labels_of(table: Table, pool: Pool, label_column: str | None = None, id_column: str = ID_COLUMN) -> Labels:
    """See `read_labels`."""
    column = label_column_of(table, label_column, "gold", "labels")
    found = labels_by_id(table, column, pool, "labels", id_column)
    return Labels.by_id(
        pool.ids,
        {name: one.value for name, one in found.items()},
        {name: one.place for name, one in found.items()},
    )


def read_weak_labels(
    text: str,
    pool: Pool,
    names: Sequence[str] = (),
    classes: Sequence[str] | None = None,
    label_column: str | None = None,
    id_column: str = ID_COLUMN,
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
    return name, second_of_two(read_predictions(path, pool, name, classes, label_column, id_column), classes)


def read_predictions(
    path: str | Path,
    pool: Pool,
    name: str,
    classes: Sequence[str] | None = None,
    label_column: str | None = None,
    id_column: str = ID_COLUMN,
) -> Floats:
    """One candidate's predictions on every pool row.

    Args:
        path: a `.npy` of shape (n,) or (n, classes), or a table with columns `id`, else `text`, and `label`, where
            a label is a number, a class name or a list of class probabilities.
        pool: the rows that the predictions belong to.
        name: the candidate, for messages.
        classes: the gold labels' class names, where there are any: predictions given as names take the same codes.
        label_column: of the table; see `predictor.intake.label_tables`.
        id_column: of the table, where it has no column `id`.

    Returns:
        (n,) or (n, classes) float64, as the file has them; `second_of_two` makes one form of both.

    Raises:
        NotFoundError: no such file.
        InputError: a pool row without a prediction, a NaN or infinity, a class that is not among `classes`.
    """
    if Path(path).suffix.lower() == ".npy":
        return checked_predictions(_load_array(path, "weak_labels"), len(pool), name, classes)
    return weak_labels_of(read_table(path), pool, name, classes, label_column, id_column)


def weak_labels_of(
    table: Table,
    pool: Pool,
    name: str,
    classes: Sequence[str] | None,
    label_column: str | None = None,
    id_column: str = ID_COLUMN,
) -> Floats:
    """See `read_predictions`."""
    column = label_column_of(table, label_column, "weak", "weak_labels")
    cells = _every_row(table, column, pool, "weak_labels", id_column)
    return checked_predictions([one.value for one in cells], len(pool), name, classes, [one.place for one in cells])


def read_numbers(path: str | Path, pool: Pool, what: str, field: str) -> Floats:
    """One number per pool row: a `.npy` of shape (n,), or a table with columns `id` and `label`.

    Raises:
        NotFoundError: no such file.
        InputError: a pool row without a number.
    """
    if Path(path).suffix.lower() == ".npy":
        column = LabelColumn.of(_load_array(path, field), what, field)
    else:
        table = read_table(path)
        cells = _every_row(table, label_column_of(table, None, "weak", field), pool, field)
        column = LabelColumn.of([one.value for one in cells], what, field, [one.place for one in cells])
    missing = next((row for row, value in enumerate(column.values) if value is None), None)
    if column.kind != "numbers" or missing is not None:
        found = f"are {column.kind}" if missing is None else f"are missing at {column.places[missing]}"
        raise InputError(
            f"{what}: the values of {path} {found}; give one number for each of the {len(pool)} pool rows.",
            reason="ROWS_DIFFER",
            field=field,
        )
    return np.array(column.values, dtype=np.float64)


def _every_row(table: Table, column: str, pool: Pool, field: str, id_column: str = ID_COLUMN) -> list[RowLabel]:
    """The label cell of every pool row.

    Raises:
        InputError: a pool row that the table does not have.
    """
    found = labels_by_id(table, column, pool, field, id_column)
    names = {row: name for name, row in rows_of(tuple(found), pool.ids).items() if row is not None}
    missing = [one for row, one in enumerate(pool.ids) if row not in names]
    if missing:
        raise InputError(
            f"{table.source} has no prediction for {len(missing)} of {len(pool)} pool rows, the first being row "
            f"{missing[0]!r}; weak labels must cover every row. {likeness(missing[0], tuple(found))}",
            reason="ROWS_DIFFER",
            field=field,
        )
    return [found[names[row]] for row in range(len(pool))]


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
