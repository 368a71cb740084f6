"""Checks of given weak labels: their rows, the shares in them, and that all candidates have the same columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from predictor.errors import InputError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.statistics.arrays import Floats

ROUNDING = 0.02
"""How far the shares of a row may be from 1 in all: three shares of two decimals are off by .015 at most."""


def check_weak_labels(
    weak_labels: Mapping[str, Floats], weak: Sequence[ModelSpec], pool: Pool, *, any_width: bool
) -> None:
    """Refuse weak labels that fit no candidate, not the rows, or not each other.

    Args:
        any_width: gold labels give the number of columns; a candidate with another one then fails alone.

    Raises:
        InputError: by candidate and row.
    """
    names = [spec.name for spec in weak]
    for name, values in weak_labels.items():
        if name not in names:
            raise InputError(
                f"weak labels are given for {name!r}, which is no candidate; the candidates are {', '.join(names)}.",
                reason="UNKNOWN_CANDIDATE",
                field="weak_labels",
            )
        if len(values) != len(pool):
            raise InputError(
                f"weak labels of {name!r} cover {len(values)} rows, the pool has {len(pool)}; give one per row.",
                reason="ROWS_DIFFER",
                field="weak_labels",
            )
        _check_shares(values, name)
    if not any_width:
        check_same_columns(weak_labels)


def _check_shares(values: Floats, name: str) -> None:
    if columns_of(values) == 1:
        return
    sums = np.asarray(values, dtype=np.float64).sum(axis=1)
    row = int(np.argmax(np.abs(sums - 1.0) > ROUNDING))
    if abs(sums[row] - 1.0) > ROUNDING:
        raise InputError(
            f"weak labels of {name!r} have {values.shape[1]} columns, and those of row {row} sum to {sums[row]:.4g}; "
            "several columns are the classes' probabilities, which sum to 1. Give the softmax of logits, or one column "
            "of numbers.",
            reason="BAD_WEAK_LABELS",
            field="weak_labels",
        )


def check_same_columns(weak_labels: Mapping[str, Floats]) -> None:
    """Refuse weak labels of which some have more columns than others.

    Raises:
        InputError: by the first candidate and one that differs from it.
    """
    columns = {name: columns_of(values) for name, values in weak_labels.items()}
    first = next(iter(columns), "")
    other = next((name for name in columns if columns[name] != columns[first]), None)
    if other is not None:
        raise InputError(
            f"weak labels of {first!r} have {columns[first]} column(s) and those of {other!r} {columns[other]}; give "
            "all candidates' labels in one form: a number per row, or probabilities of the same classes.",
            reason="COLUMNS_DIFFER",
            field="weak_labels",
        )


def columns_of(values: Floats) -> int:
    """Columns of weak labels: 1 of (n,)."""
    return 1 if np.ndim(values) == 1 else int(values.shape[1])


LINEAR = (-1.0, 2.0)
"""What linear heads may say of a class, whose probability is from 0 to 1. Beyond it are logits and percentages."""


def check_class_scores(values: Floats, name: str) -> None:
    """Refuse a column that is no probability of a class, nor what a linear head makes of one.

    Raises:
        InputError: it goes beyond `LINEAR`.
    """
    least, most = float(np.min(values)), float(np.max(values))
    if columns_of(values) == 1 and (least < LINEAR[0] or most > LINEAR[1]):
        raise InputError(
            f"weak labels of {name!r} go from {least:.3g} to {most:.3g}, and the gold labels are classes; give "
            "probabilities from 0 to 1 (of logits the sigmoid), or class names.",
            reason="NO_PROBABILITIES",
            field="weak_labels",
        )
