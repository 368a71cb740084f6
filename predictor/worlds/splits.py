"""Splits of the pool into the three parts that weak-to-strong training uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError

Rows = NDArray[np.intp]

MIN_ROWS = 24
"""Fewer rows than this leave thirds on which no head can be trained."""


@dataclass(frozen=True, eq=False)
class Thirds:
    """Row numbers of the weak head's training set D~, of the student's D^, and of the test rows."""

    weak: Rows
    student: Rows
    test: Rows


def check_rows(rows: int) -> None:
    """Refuse pools that cannot be cut into thirds.

    Raises:
        InputError: fewer than 24 rows.
    """
    if rows < MIN_ROWS:
        raise InputError(
            f"{rows} rows are too few to predict weak-to-strong training: a weak head, a strong head and a test each "
            f"need a third. Give at least {MIN_ROWS}, better some hundreds.",
            reason="POOL_TOO_SMALL",
            field="pool",
        )


def thirds(rows: int, rng: np.random.Generator) -> Thirds:
    """Cut 0 … rows − 1 at random into three equal parts.

    Raises:
        InputError: too few rows.
    """
    check_rows(rows)
    order = rng.permutation(rows)
    third = rows // 3
    return Thirds(order[:third], order[third : 2 * third], order[2 * third :])
