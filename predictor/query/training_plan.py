"""Training: what is known of the training to come, so that the same training is simulated."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from predictor.errors import InputError
from predictor.query.option import Option, check_options, setting

Heads = Literal["ridge", "logistic"]
LabelForm = Literal["soft", "hard"]

MIN_ROWS = 24
"""Fewer rows than this leave thirds on which no head can be trained."""

MIN_PART = MIN_ROWS // 3
"""Rows that each of the three parts needs."""


def _rows(help_text: str) -> Option:
    advice = "Leave it out for a third of the rows."
    return Option("training", help_text, "N", min_value=MIN_PART, advice=advice, parse=int)


@dataclass(frozen=True)
class Training:
    """Sizes and ridges of the linear heads to come; the prediction chooses what is None.

    Attributes:
        weak_rows: n~, gold rows that each weak head will be trained on, at least 8; None for a third of the rows.
        student_rows: n^, rows that the student will be trained on, at least 8; None for a third of the rows.
        weak_ridge, student_ridge: > 0, a share of the training kernel's trace, that is of the mean squared length of a
            standardised row; None to choose it by cross-validation, leaving out one row (ridge) or a fifth (logistic).
            The student's is its ceiling's too.
        heads: of the weak models and the student, `ridge` (squared loss) or `logistic` (cross-entropy, classes only).
        label_form: the student is trained on the probabilities of weak heads (`soft`) or on their
            likeliest class (`hard`).

    Raises:
        InputError: a number out of range, or an unknown word.
    """

    weak_rows: int | None = setting(None, _rows("gold rows that each weak head is trained on (default: a third)"))
    student_rows: int | None = setting(None, _rows("rows that the student is trained on (default: a third)"))
    weak_ridge: float | None = setting(
        None,
        Option(
            "training",
            "of the weak heads, per mean squared length of a standardised row (default: by cross-validation)",
            "X",
            parse=float,
        ),
    )
    student_ridge: float | None = setting(None, Option("training", "of the student's head, likewise", "X", parse=float))
    heads: Heads = setting(
        "ridge", Option("heads", "of the weak models and the student (default: ridge)", choices=get_args(Heads))
    )
    label_form: LabelForm = setting(
        "soft",
        Option(
            "heads",
            "train the student on probabilities (default) or on the likeliest class",
            choices=get_args(LabelForm),
        ),
    )

    def __post_init__(self) -> None:
        check_options(self)
        for name in ("weak_ridge", "student_ridge"):
            ridge = getattr(self, name)
            if ridge is not None and not 0.0 < ridge < math.inf:
                raise InputError(
                    f"{name} is {ridge}; it must be above 0, a share of the mean squared length of a row. Leave it out "
                    "to have it chosen by cross-validation.",
                    reason="BAD_SETTING",
                    field=name,
                )

    @property
    def squared(self) -> Training:
        """The nearest training by squared loss on soft labels, to which ridges of logistic heads mean nothing."""
        if self.heads == "ridge":
            return replace(self, label_form="soft")
        return Training(self.weak_rows, self.student_rows)

    def sizes(self, rows: int) -> tuple[int, int]:
        """n~ and n^ as asked for, a third of `rows` where nothing was."""
        third = rows // 3
        return self.weak_rows or third, self.student_rows or third


FREE = Training()
"""Nothing is known: thirds, and every ridge by cross-validation."""
