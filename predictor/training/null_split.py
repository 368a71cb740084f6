"""NullSplit: what candidates lose when their training rows are paired at random with labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from predictor.statistics.arrays import Array
from predictor.statistics.device import beside, namespace, on_host
from predictor.training.label_prior import LabelRoot
from predictor.training.simulation import Floats, SimulatedStudent, SimulatedTeacher, turned
from predictor.training.splits import Rows

Item = TypeVar("Item")

CELLS = 1 << 19
"""Numbers in the largest array of a stack, about: larger stacks are no faster."""


@dataclass(frozen=True, eq=False)
class NullSplit:
    """A split under one prior, for candidates whose training rows are paired at random with their labels.

    In float32: errors move by less than 1e-7, a shuffle's luck by far more.

    Attributes:
        student, root, crossed: as in `SplitTrial`.
        place: in its stack.
    """

    student: SimulatedStudent
    root: LabelRoot
    crossed: Floats
    place: int

    @classmethod
    def of(cls, student: SimulatedStudent, root: LabelRoot, place: int = 0) -> NullSplit:
        """Prepare a student and a prior in float64."""
        student, root = student.single(), root.single()
        return cls(student, root, student.crossed(root), place)

    def lost(self, teacher: SimulatedTeacher, orders: Sequence[Rows]) -> Array:
        """(S,) expected Err_w2s with the training rows in other orders, less that with their own."""
        own = np.arange(teacher.head.rows)
        errors = self.errors(teacher, [own, *orders])
        lost: Array = errors[1:] - errors[0]
        return lost

    def errors(self, teacher: SimulatedTeacher, orders: Sequence[Rows]) -> Array:
        """(S,) expected Err_w2s with the training rows in these orders."""
        teacher, found = teacher.single(), []
        for some in stacks(orders, math.prod(self.root.root.shape)):
            along = self.root.along(turned(teacher.seen[beside(teacher.seen, np.stack(some))]))
            _, learned = teacher.trained(along, self.root)
            handed = teacher.handed @ learned
            found.append(self.student.trained(handed, teacher.handed_energy(learned), self.crossed, self.root)[1])
        return on_host(namespace(found[0]).concat(found))


def stacks(items: Sequence[Item], cells: int) -> Iterator[Sequence[Item]]:
    """Items, each of so many numbers, in stacks of about CELLS."""
    count = max(1, CELLS // max(cells, 1))
    return (items[start : start + count] for start in range(0, len(items), count))
