"""Frames: tables of pandas, polars, pyarrow and datasets, and lists of records, as callers of Python pass them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from predictor.errors import InputError
from predictor.intake.arrow_rows import arrow_columns
from predictor.intake.json_rows import JsonRows
from predictor.intake.tables import Table


def table_of(given: Any, source: str) -> Table | None:
    """What a caller passed as a table; None where it is none.

    Args:
        given: a DataFrame of pandas or polars, a Dataset, an Arrow table, or a list of records.
        source: what it is, for messages.

    Raises:
        InputError: a dataset of several splits.
    """
    if isinstance(given, str | bytes):
        return None
    if isinstance(given, list | tuple) and given and all(isinstance(one, Mapping) for one in given):
        rows = JsonRows.of(given, [f"row {row}" for row in range(len(given))])
        return Table(source, rows.columns, rows.places, lambda name: [one.get(name) for one in given])
    if isinstance(given, Mapping) and given and all(hasattr(one, "column_names") for one in given.values()):
        raise InputError(
            f"{source} has the splits {', '.join(map(str, given))}; pass one of them, as DATA[{next(iter(given))!r}].",
            reason="SEVERAL_SPLITS",
        )
    if hasattr(given, "column_names"):
        return _of_arrow(given, source)
    if hasattr(given, "columns") and hasattr(given, "__getitem__") and hasattr(given, "shape"):
        return _of_frame(given, source)
    return None


def _of_arrow(given: Any, source: str) -> Table:
    if hasattr(given, "to_pylist"):
        columns, _, read = arrow_columns(given, source)
        return Table(source, columns, _numbered(given.num_rows), read)
    features = given.features

    def column(name: str) -> Sequence[object]:
        values = list(given.with_format(None)[name])
        is_class = type(features[name]).__name__ == "ClassLabel"
        return [None if value == -1 else value for value in values] if is_class else values

    return Table(source, tuple(given.column_names), _numbered(len(given)), column)


def _of_frame(given: Any, source: str) -> Table:
    index = getattr(getattr(given, "index", None), "name", None)
    frame = given if index is None or index in given.columns else given.reset_index()
    columns = tuple(map(str, frame.columns))
    names = dict(zip(columns, frame.columns, strict=True))
    return Table(source, columns, _numbered(len(frame)), lambda name: frame[names[name]].to_list())


def _numbered(rows: int) -> tuple[str, ...]:
    return tuple(f"row {row}" for row in range(rows))
