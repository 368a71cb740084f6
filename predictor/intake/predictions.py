"""Weak labels that a caller gives, checked and brought to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.heads.divergences import SUM_TOLERANCE
from predictor.query.label_column import MAX_CLASSES, LabelColumn
from predictor.query.labels import class_order, need_squares
from predictor.query.weak_label_tables import ROUNDING, columns_of
from predictor.statistics.arrays import Floats


def predictions_of(
    values: Sequence[object] | NDArray[np.generic],
    rows: int,
    name: str,
    classes: Sequence[str] | None = None,
) -> Floats:
    """Check one candidate's predictions and bring them to the form that all code below has.

    Probabilities of two classes become those of the second, so that (n, 2) and (n,) are one answer. See
    `checked_predictions` for the rest.
    """
    return second_of_two(checked_predictions(values, rows, name, classes), classes)


def checked_predictions(
    values: Sequence[object] | NDArray[np.generic],
    rows: int,
    name: str,
    classes: Sequence[str] | None = None,
    places: Sequence[str] | None = None,
) -> Floats:
    """One candidate's predictions in float64, in the shape that they were given in.

    Numbers stay numbers. Class names, and whole numbers where `classes` names three or more of them, become the codes
    that gold labels of the same classes have: 0/1 for two classes, one-hot columns for more.

    Args:
        values: one per row; see `predictor.query.label_column` for how cells are read.
        rows: of the pool.
        name: of the candidate, for messages.
        classes: of the gold labels, where there are any.
        places: of the rows, for messages; their numbers where None.

    Returns:
        (n,) or (n, classes).

    Raises:
        InputError: a wrong shape, a cell that is no label, a NaN or infinity (row and column named), numbers whose
            squares are 0 or infinite, an unknown class name.
    """
    array = _as_array(values, name, classes, places)
    if array.ndim not in (1, 2) or len(array) != rows or array.size == 0:
        raise InputError(
            f"weak labels of {name!r} have shape {array.shape}; ({rows},) or ({rows}, classes) is needed, one per "
            "pool row.",
            reason="ROWS_DIFFER",
            field="weak_labels",
        )
    if array.dtype.kind in "US" or (array.ndim == 1 and _are_class_codes(array, classes)):
        array = _code(array, name, classes)
    numbers = np.asarray(array, dtype=np.float64)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        row = int(bad[0][0])
        place = (places[row] if places else f"row {row}") + (f", column {bad[0][1]}" if numbers.ndim == 2 else "")
        raise InputError(
            f"weak labels of {name!r} are not finite at {place}; give a finite number for every row.",
            reason="NOT_FINITE",
            field="weak_labels",
        )
    _check_codes(numbers, name, classes)
    need_squares(numbers, f"weak labels of {name!r}", "weak_labels")
    return _unrounded(numbers)


def _unrounded(numbers: Floats) -> Floats:
    """Class probabilities that were written with few decimals, brought to sum to 1; any other table unchanged."""
    if columns_of(numbers) == 1 or numbers.min() < 0.0:
        return numbers
    sums = numbers.sum(axis=1, keepdims=True)
    off = float(np.abs(sums - 1.0).max())
    return numbers / sums if SUM_TOLERANCE < off <= ROUNDING else numbers


def second_of_two(table: NDArray[Any], classes: Sequence[str] | None) -> NDArray[Any]:
    """(n,) shares of the second class, of (n, 2) shares of two that sum to 1; any other table unchanged.

    Args:
        classes: of the gold labels, where there are any; a table of two columns beside three classes stays wrong.
    """
    fits = classes is None or len(classes) == 2
    two = fits and columns_of(table) == 2 and np.abs(np.asarray(table, np.float64).sum(axis=1) - 1.0).max() <= ROUNDING
    return table[:, 1] if two else table


def _as_array(
    values: Sequence[object] | NDArray[np.generic],
    name: str,
    classes: Sequence[str] | None,
    places: Sequence[str] | None,
) -> NDArray[np.generic]:
    """The column as numpy has it: numbers, class names, or a table of probabilities."""
    if isinstance(values, np.ndarray) and (values.ndim != 1 or values.dtype.kind == "b"):
        if values.dtype.kind in "biuf":
            return values
        values = [row.tolist() for row in values] if values.ndim == 2 else values
    column = LabelColumn.of(values, f"weak labels of {name!r}", "weak_labels", places)
    missing = next((row for row, value in enumerate(column.values) if value is None), None)
    if missing is not None and column.kind != "numbers":
        raise InputError(
            f"weak labels of {name!r}: {column.places[missing]} has none; give a label for every row.",
            reason="NOT_FINITE",
            field="weak_labels",
        )
    if column.kind == "names":
        return np.array([str(value) for value in column.values])
    if column.kind == "booleans":
        codes = classes is None or tuple(classes) == ("0", "1")
        return np.array([value == "True" if codes else str(value) for value in column.values])
    given: Any = column.values
    if column.kind == "tables":
        order = sorted(given[0], key=class_order) if classes is None else classes
        if set(order) != set(given[0]):
            raise InputError(
                f"weak labels of {name!r} have the classes {', '.join(given[0])}; the gold labels have "
                f"{', '.join(order)}.",
                reason="UNKNOWN_CLASS",
                field="weak_labels",
            )
        given = [[row[one] for one in order] for row in given]
    return np.array(given, dtype=np.float64)


def _check_codes(numbers: Floats, name: str, classes: Sequence[str] | None) -> None:
    """Refuse whole numbers beside classes of other names: they are class codes of another numbering."""
    if classes is None or numbers.ndim != 1 or not np.array_equal(numbers, np.round(numbers)):
        return
    odd = np.flatnonzero((numbers < 0.0) | (numbers >= max(2, len(classes))))
    if len(odd):
        raise InputError(
            f"weak labels of {name!r} have {numbers[odd[0]]:g} in row {odd[0]}, which is none of the gold labels' "
            f"classes {', '.join(classes)}; give the classes' names, or probabilities.",
            reason="UNKNOWN_CLASS",
            field="weak_labels",
        )


def _are_class_codes(array: NDArray[np.generic], classes: Sequence[str] | None) -> bool:
    return classes is not None and {_name(value) for value in np.unique(array)} <= set(classes)


def _code(array: NDArray[np.generic], name: str, classes: Sequence[str] | None) -> NDArray[np.float64]:
    if array.ndim != 1:
        raise InputError(
            f"weak labels of {name!r} have class names in {array.ndim} dimensions; give one name per row.",
            reason="BAD_WEAK_LABELS",
            field="weak_labels",
        )
    names = [_name(value) for value in array]
    if classes is None:
        classes = sorted(set(names))
        if len(classes) > MAX_CLASSES:
            raise InputError(
                f"weak labels of {name!r} have {len(classes)} different names, such as {classes[0]!r}; at most "
                f"{MAX_CLASSES} classes are supported. Is this the column of labels?",
                reason="TOO_MANY_CLASSES",
                field="weak_labels",
            )
    place = {label: code for code, label in enumerate(classes)}
    unknown = next((label for label in names if label not in place), None)
    if unknown is not None:
        raise InputError(
            f"weak labels of {name!r} name class {unknown!r}; the gold labels have {', '.join(classes)}.",
            reason="UNKNOWN_CLASS",
            field="weak_labels",
        )
    codes = np.array([place[label] for label in names])
    return codes.astype(np.float64) if len(classes) <= 2 else np.eye(len(classes))[codes]


def _name(value: object) -> str:
    """A class as `Labels` names it: whole numbers without a point."""
    if isinstance(value, np.number | float | int) and np.isfinite(value) and float(value) == int(value):
        return str(int(value))
    return str(value)
