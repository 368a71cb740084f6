"""Weak labels that a caller gives, checked and brought to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.heads.divergences import class_probabilities
from predictor.query.labels import need_squares
from predictor.statistics.arrays import Floats


def predictions_of(
    values: Sequence[object] | NDArray[np.generic], rows: int, name: str, classes: Sequence[str] | None = None
) -> Floats:
    """Check one candidate's predictions and bring them to float64.

    Numbers stay numbers. Class names, and whole numbers where `classes` names three or more of them, become the codes
    that gold labels of the same classes have: 0/1 for two classes, one-hot columns for more.

    Probabilities of two classes become those of the second, so that (n, 2) and (n,) are one answer.

    Returns:
        (n,) or (n, classes).

    Raises:
        InputError: a wrong shape, a NaN or infinity (row and column named), numbers whose squares are 0 or infinite, an
            unknown class name.
    """
    array = _as_array(values, name)
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
        place = f"row {bad[0][0]}" + (f", column {bad[0][1]}" if numbers.ndim == 2 else "")
        raise InputError(
            f"weak labels of {name!r} are not finite at {place}; give a finite number for every row.",
            reason="NOT_FINITE",
            field="weak_labels",
        )
    need_squares(numbers, f"weak labels of {name!r}", "weak_labels")
    return second_of_two(numbers, classes)


def second_of_two(table: NDArray[Any], classes: Sequence[str] | None) -> NDArray[Any]:
    """(n,) probabilities of the second class, of (n, 2) probabilities of two; any other table unchanged.

    Args:
        classes: of the gold labels, where there are any; a table of two columns beside three classes stays wrong.
    """
    fits = classes is None or len(classes) == 2
    two = (
        fits
        and table.ndim == 2
        and table.shape[1] == 2
        and class_probabilities(np.asarray(table, np.float64)) is not None
    )
    return table[:, 1] if two else table


def _as_array(values: Sequence[object] | NDArray[np.generic], name: str) -> NDArray[np.generic]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "biufUS":
        return values
    try:
        return np.array([float(str(value)) for value in values])
    except ValueError:
        pass
    if all(isinstance(value, str) for value in values):
        return np.array([str(value) for value in values])
    try:
        return np.array(list(values), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"weak labels of {name!r} mix kinds; give a number, a class name, or equally long lists of probabilities.",
            reason="BAD_WEAK_LABELS",
            field="weak_labels",
        ) from error


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
