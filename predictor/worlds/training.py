"""Training: what is known of the training that will really be run, so that it can be simulated as it will be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from predictor.errors import InputError
from predictor.worlds.splits import MIN_PART


@dataclass(frozen=True)
class Training:
    """Sizes and ridges of the linear heads to come; what is None is left to the prediction.

    Attributes:
        weak_rows: n~, gold rows that each weak head will be trained on, at least 8; None for a third of the rows.
        student_rows: n^, rows that the student will be taught, at least 8; None for a third of the rows.
        weak_ridge, student_ridge: > 0, a share of the training kernel's trace, that is of the mean squared length of a
            standardised row; None to choose it by leave-one-out cross-validation. The student's is its ceiling's too.

    Raises:
        InputError: a number out of range.
    """

    weak_rows: int | None = None
    student_rows: int | None = None
    weak_ridge: float | None = None
    student_ridge: float | None = None

    def __post_init__(self) -> None:
        for name in ("weak_rows", "student_rows"):
            rows = getattr(self, name)
            if rows is not None and (not isinstance(rows, int) or isinstance(rows, bool) or rows < MIN_PART):
                raise InputError(
                    f"{name} is {rows!r}; it must be a whole number of at least {MIN_PART}. Leave it out for a third "
                    "of the rows.",
                    reason="BAD_SETTING",
                    field=name,
                )
        for name in ("weak_ridge", "student_ridge"):
            ridge = getattr(self, name)
            if ridge is not None and not 0.0 < ridge < math.inf:
                raise InputError(
                    f"{name} is {ridge}; it must be above 0, a share of the mean squared length of a row. Leave it out "
                    "to have it chosen by cross-validation.",
                    reason="BAD_SETTING",
                    field=name,
                )

    def sizes(self, rows: int) -> tuple[int, int]:
        """n~ and n^ as asked for, a third of `rows` where nothing was."""
        third = rows // 3
        return self.weak_rows or third, self.student_rows or third


FREE = Training()
"""Nothing is known: thirds, and every ridge by cross-validation."""
