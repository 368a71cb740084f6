"""Vote matrix: the weak labels of all candidates that have any, one column each, for estimators that compare them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.hard_votes import are_classes, votes
from predictor.estimators.problem import Case
from predictor.estimators.supervision import supervise
from predictor.statistics.arrays import Array, Ints

NEEDED = 3
"""Candidates needed: of two that differ, agreement does not show which one is wrong."""


@dataclass(frozen=True, eq=False)
class VoteMatrix:
    """Weak labels of the candidates that have any, on the rows without gold labels.

    Attributes:
        rows: pool rows.
        columns: positions of these candidates among the case's.
        tables: per candidate (n, k).
        classes: number of classes, 0 for numbers.
    """

    rows: Ints
    columns: tuple[int, ...]
    tables: tuple[Array, ...]
    classes: int

    @classmethod
    def of(cls, case: Case, purpose: str) -> VoteMatrix:
        """Gather weak labels, given or from heads trained on the gold labels."""
        supervision = supervise(case, case.rng(purpose))
        known = [(i, table) for i, table in enumerate(supervision.predictions) if table is not None]
        tables = tuple(table for _, table in known)
        named = bool(tables) and all(are_classes(table, case.labels) for table in tables)
        count = max((max(table.shape[1], 2) for table in tables), default=0) if named else 0
        return cls(supervision.rows, tuple(i for i, _ in known), tables, count)

    def votes(self) -> Ints:
        """(n, m) classes."""
        return np.stack([votes(table) for table in self.tables], axis=1)

    def stacked(self) -> Array | None:
        """(m, n, k), None where the candidates' tables differ in width."""
        widths = {table.shape[1] for table in self.tables}
        return np.stack(self.tables) if len(widths) == 1 else None

    def scale(self, case: Case) -> tuple[float, str]:
        """Unit of squared errors, one for all candidates: variance of the gold labels, else mean of the weak ones'."""
        if case.labels is not None:
            return float(np.sum(np.var(case.labels.targets[case.labels.known], axis=0))), "label variance"
        mean = float(np.mean([np.sum(np.var(table, axis=0)) for table in self.tables]))
        return mean, "mean weak-label variance"


def too_few(matrix: VoteMatrix) -> str:
    """The note of candidates whose error agreement cannot show."""
    have = len(matrix.columns)
    if have < NEEDED:
        return f"needs weak labels of at least {NEEDED} candidates, has {have}: give --labels or more --weak-labels"
    return "needs --weak-labels for this candidate, or --labels"


def unfit(stacked: Array | None) -> str:
    """The note of candidates whose tables have no squared distances to speak of."""
    return "the candidates' weak labels differ in width" if stacked is None else "the weak labels are constant"
