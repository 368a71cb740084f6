"""Labels: gold targets of some pool rows, in the numeric form that linear heads use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.query.label_column import MAX_CLASSES, LabelColumn
from predictor.query.row_ids import likeness, rows_of

Kind = Literal["regression", "binary", "multiclass"]

SQUARABLE = (1e-60, 1e60)
"""Smallest spread and largest size of numbers to regress on: fourth powers are neither 0 nor infinite."""

MIN_LABELLED = 4
"""Fewer gold labels train no head."""

MIN_UNLABELLED = 8
"""Fewer rows without a gold label leave nothing to predict on."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Targets, NaN where a row has no label.

    Attributes:
        targets: (n, k) float64. Regression and binary: k = 1 (binary coded 0/1). Multiclass: one-hot, k classes.
        kind: how the columns are to be read.
        classes: names behind the codes, in column (or 0/1) order; None for regression.
    """

    targets: NDArray[np.float64]
    kind: Kind
    classes: tuple[str, ...] | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) True where the row carries a gold label."""
        found: NDArray[np.bool_] = np.logical_not(np.isnan(self.targets).any(axis=1))
        return found

    @property
    def trainable(self) -> bool:
        """Whether heads can be trained: at least 4 labels, not all equal, and at least 8 rows to predict."""
        gold = self.targets[self.known]
        enough = len(gold) >= MIN_LABELLED and len(self.targets) - len(gold) >= MIN_UNLABELLED
        return enough and bool(np.ptp(gold, axis=0).max() > 0.0)

    def unlabelled(self) -> NDArray[np.intp]:
        """Row numbers without a gold label: those that predictions concern.

        Raises:
            InputError: fewer than 8 of them.
        """
        rows = np.flatnonzero(~self.known)
        if len(rows) < MIN_UNLABELLED:
            raise InputError(
                f"{len(self.targets) - len(rows)} of {len(self.targets)} rows carry a gold label, which leaves "
                f"{len(rows)} to predict; label only the weak heads' training rows and leave at least "
                f"{MIN_UNLABELLED} unlabelled.",
                reason="NO_UNLABELLED_ROWS",
                field="labels",
            )
        return rows

    @classmethod
    def of(
        cls,
        values: Sequence[object] | NDArray[np.generic],
        places: Sequence[str] | None = None,
        what: str = "gold labels",
    ) -> Labels:
        """Read one value per row: numbers, class names, or None / NaN / "" where unlabelled.

        Two distinct values make a binary task; 3 to 64 distinct strings or integers a multiclass task; anything
        else numeric is regression. Series, frames of one column and tensors of other libraries serve as well; rows
        count by position; the index of a Series is ignored. See `predictor.query.label_column` for how cells are read.

        Args:
            values: one per row.
            places: of the rows, for messages; their numbers where None.
            what: the column, for messages.

        Raises:
            InputError: several values per row, a cell that is no label, fewer than 4 labelled rows, one single class,
                a value that is infinite, or numbers whose squares are 0 or infinite.
        """
        column = LabelColumn.of(_one_per_row(values), what, "labels", places)
        present = [value for value in column.values if value is not None]
        if column.kind in ("lists", "tables"):
            _refuse_several(len(cast(Sized, present[0])))
        if len(present) < MIN_LABELLED:
            raise InputError(
                f"{len(present)} row(s) carry a gold label; at least {MIN_LABELLED} are needed to train a weak head.",
                reason="TOO_FEW_LABELS",
                field="labels",
            )
        if column.kind != "numbers":
            return _classes_of(column.values, [str(value) for value in present])
        numbers = np.array(present, dtype=np.float64)
        if not np.isfinite(numbers).all():
            raise InputError("a gold label is infinite; give finite numbers.", reason="NOT_FINITE", field="labels")
        distinct = np.unique(numbers)
        whole = bool(np.all(distinct == np.round(distinct)))
        if len(distinct) == 2 or (whole and len(distinct) <= MAX_CLASSES and len(distinct) * 4 <= len(numbers)):
            return _classes_of(
                [None if value is None else _plain(cast(float, value)) for value in column.values],
                [_plain(number) for number in numbers],
            )
        _need_two(len(distinct))
        need_squares(numbers, "gold labels", "labels")
        targets = np.array([np.nan if value is None else value for value in column.values], dtype=np.float64)[:, None]
        return cls(targets, "regression")

    @classmethod
    def by_id(
        cls,
        ids: Sequence[str],
        table: Mapping[str, object],
        places: Mapping[str, str] | None = None,
        what: str = "gold labels",
    ) -> Labels:
        """Align an id → label table with the pool's rows.

        Args:
            ids: of the pool.
            table: id -> label. An id may differ from the pool's in its Unicode form, blanks around it, or `.0`.
            places: id of the table -> where it is, for messages.
            what: the table, for messages.

        Raises:
            InputError: an id of the table that the pool does not have; as `of`.
        """
        found = rows_of(tuple(table), ids)
        unknown = next((name for name, row in found.items() if row is None), None)
        if unknown is not None:
            place = f"{places[unknown]}: " if places and unknown in places else ""
            raise InputError(
                f"{place}labelled row {unknown!r} is not in the pool; ids in --labels must name pool rows. "
                f"{likeness(unknown, ids)}",
                reason="UNKNOWN_ROW_ID",
                field="labels",
            )
        names = {row: name for name, row in found.items()}
        where = [(places or {}).get(names.get(row, ""), f"row {one!r}") for row, one in enumerate(ids)]
        return cls.of([table[names[row]] if row in names else None for row in range(len(ids))], where, what)

    def take(self, rows: NDArray[np.integer]) -> Labels:
        """The labels of the given rows, in that order."""
        return Labels(self.targets[rows], self.kind, self.classes)


def _one_per_row(values: Any) -> list[object]:
    """Plain values of a list, array, Series, frame or tensor; a single column is its values."""
    for turned in ("to_list", "to_numpy", "tolist"):
        values = getattr(values, turned)() if hasattr(values, turned) else values
    values = [value.to_list() if hasattr(value, "to_list") else value for value in values]
    plain = [value.tolist() if hasattr(value, "tolist") else value for value in values]
    width = next((len(value) for value in plain if isinstance(value, list | tuple) and len(value) != 1), 1)
    if width != 1:
        _refuse_several(width)
    return [value[0] if isinstance(value, list | tuple) else value for value in plain]


def _refuse_several(width: int) -> NoReturn:
    raise InputError(
        f"labels have {width} values in a row; give one per row: a number, or the name of its class.",
        reason="BAD_LABELS",
        field="labels",
    )


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _need_two(distinct: int) -> None:
    if distinct < 2:
        raise InputError(
            "every gold label is the same; at least two different values are needed.",
            reason="ONE_CLASS",
            field="labels",
        )


def need_squares(numbers: NDArray[np.float64], what: str, field: str) -> None:
    """Refuse numbers whose squares are 0 or infinite; equal numbers are allowed.

    Raises:
        InputError: too great, or too close together.
    """
    smallest, largest = SQUARABLE
    if float(np.abs(numbers).max()) > largest or 0.0 < float(np.ptp(numbers)) < smallest:
        raise InputError(
            f"{what} reach from {numbers.min():.3g} to {numbers.max():.3g}; at most {largest:g} in size and at "
            f"least {smallest:g} apart can be squared and summed. Give them in another unit.",
            reason="NOT_FINITE",
            field=field,
        )


def _classes_of(raw: Sequence[object], present: Sequence[str]) -> Labels:
    names = sorted(set(present), key=class_order)
    _need_two(len(names))
    if len(names) > MAX_CLASSES:
        raise InputError(
            f"the labels have {len(names)} classes; at most {MAX_CLASSES} are supported.",
            reason="TOO_MANY_CLASSES",
            field="labels",
        )
    place = {name: i for i, name in enumerate(names)}
    columns = 1 if len(names) == 2 else len(names)
    targets = np.full((len(raw), columns), np.nan)
    for row, value in enumerate(raw):
        if value is None:
            continue
        code = place[str(value)]
        if columns == 1:
            targets[row, 0] = code
        else:
            targets[row] = 0.0
            targets[row, code] = 1.0
    return Labels(targets, "binary" if columns == 1 else "multiclass", tuple(names))


def class_order(name: str) -> tuple[int, float, str]:
    """The sort key of class names: numbers by value, then other names by letter."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
