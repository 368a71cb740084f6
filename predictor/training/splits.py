"""Splits of the pool into the three parts that weak-to-strong training uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.query.training_plan import MIN_PART, MIN_ROWS

Rows = NDArray[np.intp]


TEST_SHARE = 0.1
"""Of the rows at hand: what a simulation tests on, at least."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Row numbers of the weak head's training set D~, of the student's D^, and of the test rows."""

    weak: Rows
    student: Rows
    test: Rows

    @classmethod
    def stack(cls, parts: Sequence[Parts]) -> Parts:
        """(S, n) row numbers of S splits of the same sizes."""
        return cls(*(np.stack([getattr(one, name) for one in parts]) for name in ("weak", "student", "test")))


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


def cut(rows: int, weak: int, student: int, rng: np.random.Generator) -> Parts:
    """Cut 0 … rows − 1 at random into D~ and D^ of these sizes and the test rows that are left."""
    order = rng.permutation(rows)
    return Parts(order[:weak], order[weak : weak + student], order[weak + student :])


def thirds(rows: int, rng: np.random.Generator) -> Parts:
    """Cut 0 … rows − 1 at random into three equal parts.

    Raises:
        InputError: too few rows.
    """
    check_rows(rows)
    return cut(rows, rows // 3, rows // 3, rng)


def fitted(rows: int, weak: int, student: int) -> tuple[int, int]:
    """Sizes of D~ and D^ as asked for, or the nearest that `rows` rows can show with a tenth of them left to test on.

    Where both do not fit, the smaller one stays as asked if it takes no more than half of the room, and the other the
    rest; else each gets half. A part that is shrunk so is the one of which the last rows matter least: errors fall
    ever more slowly with the number of rows. Keeping their ratio instead would train few gold rows on next to nothing.

    Args:
        rows: at least 24.
        weak, student: n~ and n^, at least 8 each.
    """
    room = rows - max(MIN_PART, round(TEST_SHARE * rows))
    if weak + student <= room:
        return weak, student
    smaller = min(weak, student, room // 2)
    return (smaller, room - smaller) if weak <= student else (room - smaller, smaller)
