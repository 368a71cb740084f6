"""Sizes of a simulated training, and what to say where it is not the one asked for."""

from __future__ import annotations

from predictor.estimators.problem import Case
from predictor.training.splits import fitted


def sizes_of(case: Case) -> tuple[int, int]:
    """Rows of D~ and D^ on which the case's training is simulated."""
    return fitted(case.rows, *case.training.sizes(case.rows))


def cut_to(case: Case, pool: int) -> str:
    """Note that a simulation ran on part of the pool."""
    free = case.training.weak_rows is None and case.training.student_rows is None
    return f"simulated on {case.rows} of {pool} rows" + (", a third of them for each head" if free else "")


def unlike(case: Case) -> tuple[str, ...]:
    """Warnings of what was simulated, where it is not what was asked for."""
    asked, shown = case.training.sizes(case.rows), sizes_of(case)
    training, found = case.training, []
    if training != training.squared:
        found.append(
            f"simulated with ridge heads on soft labels, where {training.heads} heads on {training.label_form} ones "
            "are to be predicted"
        )
    if shown != asked:
        found.append(
            f"simulated with {shown[0]} rows for each weak head and {shown[1]} for the student, as {case.rows} rows "
            f"can show no more; with {asked[0]} and {asked[1]}, as is to be predicted, expect lower errors"
        )
    return tuple(found)
