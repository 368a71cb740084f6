"""SimulatedSplit: a split of the pool, or a stack of them, on which candidates are simulated under several priors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.training.drawn_tasks import DrawnTasks
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.simulation import Floats, SimulatedStudent, SimulatedTeacher, SimulatedTraining, turned
from predictor.training.splits import Parts, Rows

Item = TypeVar("Item")

CELLS = 1 << 19
"""Numbers in the largest array of a stack, about: larger stacks are no faster."""


@dataclass(frozen=True, eq=False)
class SimulatedOutcome:
    """What one candidate's training comes to under each of P priors, on one split or several (S,).

    Attributes:
        expected: (…, P, 2) Err_w and Err_w2s, in units of the label variance.
        drawn: (…, P, 2, R) the same for drawn tasks.
    """

    expected: Array
    drawn: Array


@dataclass(frozen=True, eq=False)
class SimulatedSplit:
    """The student's side of splits, made once; candidates are asked one by one and nothing of them is stored.

    Attributes:
        part: D~, D^ and the test rows, (n,) each, or (S, n) of S splits of the same sizes.
        student: the strong model's head.
        priors: P of them with their noise, on S splits with (S,) levels of it.
        root: of each prior on D~ and the test rows, priors along the first axis.
        crossed: `student.crossed` of it.
        training: whose ridges are used.
    """

    part: Parts
    student: SimulatedStudent
    priors: tuple[LabelPrior, ...]
    root: LabelRoot
    crossed: Floats
    training: Training

    @classmethod
    def of(
        cls, strong: NDArray[np.floating], part: Parts, priors: Sequence[LabelPrior], training: Training
    ) -> SimulatedSplit:
        """Factor the strong model's (n, d) features and every prior on these splits."""
        head = FactoredRidge.of(strong[part.student], strong[part.test])
        student = SimulatedStudent.of(head, training.student_ridge)
        root = LabelRoot.stack([LabelRoot.of(prior, part.weak, part.test) for prior in priors])
        return cls(part, student, tuple(priors), root, student.crossed(root), training)

    def teacher(self, weak: NDArray[np.floating]) -> SimulatedTeacher:
        """The weak head of a candidate with these (n, d) features."""
        others = np.concatenate([self.part.student, self.part.test], axis=-1)
        head = FactoredRidge.of(weak[self.part.weak], weak[others])
        return SimulatedTeacher.of(head, self.student, self.training.weak_ridge)

    def expected(self, teacher: SimulatedTeacher) -> Array:
        """(…, P, 2) expected Err_w and Err_w2s of a candidate, without drawn tasks."""
        return _expected(SimulatedTraining.of(teacher, self.student, self.root, self.crossed))

    def outcome(self, teacher: SimulatedTeacher, drawn: DrawnTasks) -> SimulatedOutcome:
        """Expected and drawn errors of a candidate."""
        trained = SimulatedTraining.of(teacher, self.student, self.root, self.crossed)
        errors = [drawn.error(predicted) for predicted in trained.predictions(drawn.weak)]
        return SimulatedOutcome(_expected(trained), np.moveaxis(np.array(errors), (1, 0), (-3, -2)))

    def ceiling(self, drawn: DrawnTasks) -> tuple[Array, Array]:
        """(…, P) expected and (…, P, R) drawn errors of the student trained on gold labels."""
        found = [self.student.on_gold(prior, self.part.student, self.part.test) for prior in self.priors]
        errors = drawn.error(self.student.predict(drawn.student, np.stack([shrinkage for shrinkage, _ in found])))
        return np.stack([expected for _, expected in found], axis=-1), np.moveaxis(errors, 0, -2)

    def null(self, place: int, prior: LabelPrior) -> NullSplit:
        """The split at a place of the stack, under the prior of the null."""
        root = LabelRoot.of(prior, self.part.weak[place], self.part.test[place])
        return NullSplit.of(self.student.take(place), root, place)


@dataclass(frozen=True, eq=False)
class NullSplit:
    """A split under one prior, for candidates whose training rows are paired at random with their labels.

    In float32: errors move by less than 1e-7, a shuffle's luck by far more.

    Attributes:
        student, root, crossed: as in `SimulatedSplit`.
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
        for some in stacks(orders, self.root.root.size):
            along = self.root.along(turned(teacher.seen[np.stack(some)]))
            _, learned = teacher.trained(along, self.root)
            handed = teacher.handed @ learned
            found.append(self.student.trained(handed, teacher.handed_energy(learned), self.crossed, self.root)[1])
        return np.concatenate(found)


def stacks(items: Sequence[Item], cells: int) -> Iterator[Sequence[Item]]:
    """Items, each of so many numbers, in stacks of about CELLS."""
    count = max(1, CELLS // max(cells, 1))
    return (items[start : start + count] for start in range(0, len(items), count))


def _expected(trained: SimulatedTraining) -> Array:
    """(…, P, 2)."""
    return np.moveaxis(np.array([trained.weak_error, trained.w2s_error]), (1, 0), (-2, -1))
