"""Pool and labels: the rows of a request and their gold labels, from files, frames, texts and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.intake.draw import own_store, values_at_hand
from predictor.intake.frames import table_of
from predictor.intake.rows import labels_of, pool_of, read_labels, task_of
from predictor.intake.tables import Table, read_table
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool

TableInput = str | Path | Sequence[Mapping[str, object]] | Any
"""A file, or a frame of pandas or polars, a Dataset, an Arrow table, a list of records."""

PoolInput = Pool | Sequence[str] | TableInput
LabelsInput = Labels | Mapping[str, object] | Sequence[object] | NDArray[np.generic] | TableInput


def table_given(given: TableInput, source: str) -> Table:
    """A file or a frame as a table.

    Raises:
        InputError, NotFoundError: it is neither, or it cannot be read.
    """
    table = read_table(given) if isinstance(given, str | Path) else table_of(given, source)
    if table is None:
        raise InputError(
            f"{source} is a {type(given).__name__}; give a file, a frame, a dataset, or a list of records.",
            reason="UNKNOWN_FILE_KIND",
        )
    return table


@dataclass(frozen=True, eq=False)
class RowsGiven:
    """What a caller passes of the pool and its gold labels; see `predictor.intake.request.Options`."""

    pool: PoolInput | None
    labels: LabelsInput | None
    label_column: str | None
    text_column: str
    id_column: str
    template: str | None

    def read(self, specs: Sequence[ModelSpec]) -> tuple[Pool, Labels | None]:
        """The pool and its gold labels; without a pool, as many rows as the first of the models at hand has.

        Raises:
            InputError, NotFoundError: what is wrong, and what to do.
        """
        given, labels, column = self.pool, self.labels, self.label_column
        columns = self.text_column, self.id_column
        if isinstance(given, Pool) or given is None:
            pool = Pool.numbered(_rows_without_pool(specs)) if given is None else given
            if column is not None and labels is None:
                raise InputError(
                    f"label_column is {column!r} and there is no file that could have it; give the pool as a file or a "
                    "frame, or labels.",
                    reason="NO_LABELS",
                    field="label_column",
                )
            return pool, _labels(labels, pool, column, columns[1])
        table = read_table(given) if isinstance(given, str | Path) else table_of(given, "the pool")
        if table is not None and labels is None and column is not None:
            return task_of(table, *columns, column, self.template)
        pool = _of_texts(given) if table is None else pool_of(table, *columns, self.template)
        return pool, _labels(labels, pool, column, columns[1])


def _of_texts(given: Any) -> Pool:
    texts = list(given)
    row = next((row for row, text in enumerate(texts) if not isinstance(text, str)), None)
    if row is not None:
        raise InputError(
            f"row {row} of the pool is {texts[row]!r:.40}, which is no text; give texts, or a file or frame of rows.",
            reason="ROW_WITHOUT_TEXT",
            field="pool",
        )
    return Pool.of(texts)


def _labels(labels: LabelsInput | None, pool: Pool, column: str | None, id_column: str) -> Labels | None:
    if labels is None or isinstance(labels, Labels):
        return labels
    if isinstance(labels, str | Path):
        return read_labels(labels, pool, column, id_column)
    table = table_of(labels, "the labels")
    if table is not None and (len(table.columns) > 1 or column is not None):
        return labels_of(table, pool, column, id_column)
    if isinstance(labels, Mapping):
        return Labels.by_id(pool.ids, {str(name): value for name, value in labels.items()})
    return Labels.of(labels)


def _rows_without_pool(specs: Sequence[ModelSpec]) -> int:
    for spec in specs:
        found = values_at_hand(spec, own_store())
        if found is not None:
            return len(np.atleast_1d(found[0]))
    raise InputError(
        "no pool given; it may be left out only where every model is an array or a feature set. Name the rows with "
        "--pool FILE.",
        reason="NO_POOL",
        field="pool",
    )
