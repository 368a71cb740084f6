"""Label tables: which column has the labels, and which pool row each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from predictor.errors import InputError
from predictor.intake.row_texts import OTHER_COLUMNS, TEXT_COLUMN
from predictor.intake.tables import Table
from predictor.query.label_column import LabelColumn
from predictor.query.pool import Pool

ID_COLUMN = "id"

LabelsOf = Literal["gold", "weak"]

GOLD_COLUMNS = ("label", "gt_label", "gt_labels", "hard_label", "labels")
"""Columns of gold labels, the first that a table has. Beside `gt_label`, `hard_label` is a prediction."""

SOFT_COLUMNS = ("soft_pred", "soft_label")
"""Columns of a model's probabilities in the result folders of EleutherAI/w2s and openai/weak-to-strong."""

WEAK_COLUMNS = ("label", "hard_label", "labels")
"""Columns of weak labels where there is none of SOFT_COLUMNS."""


@dataclass(frozen=True)
class RowLabel:
    """A label cell and where it is."""

    value: object
    place: str


def label_column_of(table: Table, asked: str | None, kind: LabelsOf, field: str) -> str:
    """The column of labels: the one asked for, or the one that tools write.

    Raises:
        InputError: none, or several that may be meant.
    """
    flag = "--label-column" if kind == "gold" else "--weak-label-column"
    if asked is not None:
        if kind == "weak" and _class_columns(table, asked):
            return asked
        table.need(asked, flag.removeprefix("--").removesuffix("-column"), field=field)
        return asked
    known: tuple[str, ...] = GOLD_COLUMNS
    if kind == "weak":
        soft = [one for one in SOFT_COLUMNS if one in table.columns]
        if soft and ("label" in table.columns or len(soft) > 1):
            both = ", ".join(repr(one) for one in ("label", *soft) if one in table.columns)
            raise InputError(
                f"{table.source} has the columns {both}, which may all be the weak labels; name one with {flag}.",
                reason="AMBIGUOUS_COLUMN",
                field=field,
            )
        known = (*soft, *WEAK_COLUMNS)
    found = next((one for one in known if one in table.columns), None)
    if found is None and table.positional and len(table.columns) == 1:
        found = table.columns[0]
    if found is None:
        classes = ", or those of the classes' probabilities, as no,yes" if kind == "weak" else ""
        raise InputError(
            f"{table.source} has no column 'label'; its columns are: {table.column_names}. Name the column of labels "
            f"with {flag}{classes}.",
            reason="MISSING_COLUMN",
            field=field,
        )
    return found


def labels_by_id(table: Table, column: str, pool: Pool, field: str, id_column: str = ID_COLUMN) -> dict[str, RowLabel]:
    """The labels by row id: of the column of ids, else by text, else by position in files of arrays.

    Raises:
        InputError: no way to find the rows, a row that is labelled twice.
    """
    values = _cells(table, column, field)
    ids = next((one for one in dict.fromkeys((ID_COLUMN, id_column)) if one in table.columns), None)
    if ids is not None:
        names = ids_of(table, ids, field)
    elif table.positional:
        if len(table) != len(pool):
            raise InputError(
                f"{table.source} has {len(table)} labels, the pool has {len(pool)} rows; give one per row, or ids.",
                reason="ROWS_DIFFER",
                field=field,
            )
        names = list(pool.ids)
    else:
        names = _ids_by_text(table, column, pool, field)
    found: dict[str, RowLabel] = {}
    for name, value, place in zip(names, values, table.places, strict=True):
        if name in found:
            raise InputError(f"{place}: row {name!r} is labelled twice.", reason="DUPLICATE_ROW_ID", field=field)
        found[name] = RowLabel(value, place)
    return found


def _class_columns(table: Table, asked: str) -> tuple[str, ...]:
    """The columns of `no,yes`, one for each class, where the table has these and none of that name; else none."""
    names = tuple(one.strip() for one in asked.split(","))
    several = asked not in table.columns and 1 < len(names) == len(set(names)) and set(names) <= set(table.columns)
    return names if several else ()


def _cells(table: Table, column: str, field: str) -> Sequence[object]:
    """The label of every record; of several columns the probabilities by class."""
    names = _class_columns(table, column)
    if not names:
        return table.read(column)
    what = f"column {{}} of {table.source}"
    columns = [LabelColumn.of(table.read(name), what.format(repr(name)), field, table.places).values for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def ids_of(table: Table, column: str, field: str = "pool") -> list[str]:
    """The ids of every row.

    Raises:
        InputError: a row without one.
    """
    ids = []
    for value, place in zip(table.read(column), table.places, strict=True):
        missing = value is None or type(value).__name__ in ("NAType", "NaTType") or isinstance(value, list | dict)
        if missing or value == "" or value != value:
            raise InputError(
                f"{place}: column {column!r} has no id; give every row one, or drop the column to number the rows.",
                reason="ROW_WITHOUT_ID",
                field=field,
            )
        ids.append(str(value))
    return ids


def _ids_by_text(table: Table, column: str, pool: Pool, field: str) -> list[str]:
    """The ids of the pool rows with the same texts; texts that occur several times are taken in order."""
    texts = next((one for one in (TEXT_COLUMN, *OTHER_COLUMNS[:1]) if one in table.columns), None)
    if texts is None or not pool.texts:
        raise InputError(
            f"{table.source} has no column {ID_COLUMN!r}; labels need columns 'id' and {column!r}, and it has: "
            f"{table.column_names}. Rows without ids are named by their number, from 0.",
            reason="MISSING_COLUMN",
            field=field,
        )
    rows: dict[object, list[str]] = {}
    for name, own in zip(pool.ids, pool.texts, strict=True):
        rows.setdefault(own, []).append(name)
    taken: dict[object, int] = {}
    names = []
    text: object
    for text, place in zip(table.read(texts), table.places, strict=True):
        number = taken.get(text, 0)
        taken[text] = number + 1
        names.append(rows[text][number] if number < len(rows.get(text, ())) else f"{place} ({str(text)[:40]!r})")
    odd = next((one for one, count in taken.items() if one in rows and count != len(rows[one])), None)
    if odd is not None:
        raise InputError(
            f"{table.source} has no ids, and the text {str(odd)[:60]!r} occurs {taken[odd]} time(s) in it and "
            f"{len(rows[odd])} time(s) in the pool; give both files a column 'id'.",
            reason="ROWS_DIFFER",
            field=field,
        )
    return names
