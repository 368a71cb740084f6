"""SimulatedSplit: one split of the pool, on which every candidate is simulated under several priors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.simulation import Floats, SimulatedStudent, SimulatedTeacher, SimulatedTraining
from predictor.training.splits import Parts, Rows


@dataclass(frozen=True, eq=False)
class DrawnTasks:
    """R tasks drawn from one prior, and the test rows that their errors are measured on.

    Attributes:
        truth: (n, R) without noise.
        labels: (n, R) with noise: heads are trained on these.
        weights: (n_t, R) of a bootstrap of the test rows, summing to 1.
    """

    truth: Array
    labels: Array
    weights: Array

    def error(self, predictions: Floats, test: Rows, noise: float) -> Array:
        """(R,) errors of (n_t, R) predictions.

        A test row counts by its noiseless truth, and the noise's variance is added: the noise of some test rows is no
        property of a candidate.
        """
        found: Array = np.sum(self.weights * (self.truth[test] - predictions) ** 2, axis=0) + noise
        return found


@dataclass(frozen=True, eq=False)
class SimulatedOutcome:
    """What one candidate's training comes to on one split, under each of P priors.

    Attributes:
        expected: (P, 2) Err_w and Err_w2s, in units of the label variance.
        drawn: (P, 2, R) the same for drawn tasks.
    """

    expected: Array
    drawn: Array


@dataclass(frozen=True, eq=False)
class SimulatedSplit:
    """The student's side of one split, made once; candidates are asked one by one and nothing of them is stored.

    Attributes:
        part: D~, D^ and the test rows.
        student: the strong model's head.
        priors: with their noise.
        roots: of each prior on D~ and the test rows.
        crossed: `student.crossed` of each root.
        training: whose ridges are used.
    """

    part: Parts
    student: SimulatedStudent
    priors: tuple[LabelPrior, ...]
    roots: tuple[LabelRoot, ...]
    crossed: tuple[Floats, ...]
    training: Training

    @classmethod
    def of(
        cls, strong: NDArray[np.floating], part: Parts, priors: Sequence[LabelPrior], training: Training
    ) -> SimulatedSplit:
        """Factor the strong model's (n, d) features and every prior on this split."""
        head = FactoredRidge.of(strong[part.student], strong[part.test])
        student = SimulatedStudent.of(head, training.student_ridge)
        roots = tuple(LabelRoot.of(prior, part.weak, part.test) for prior in priors)
        return cls(part, student, tuple(priors), roots, tuple(map(student.crossed, roots)), training)

    def teacher(self, weak: NDArray[np.floating]) -> SimulatedTeacher:
        """The weak head of a candidate with these (n, d) features."""
        others = np.concatenate([self.part.student, self.part.test])
        head = FactoredRidge.of(weak[self.part.weak], weak[others])
        return SimulatedTeacher.of(head, self.student, self.training.weak_ridge)

    def expected(self, teacher: SimulatedTeacher) -> Array:
        """(P, 2) expected Err_w and Err_w2s of a candidate, without drawn tasks."""
        return np.array([[one.weak_error, one.w2s_error] for one in self._trained(teacher)])

    def outcome(self, teacher: SimulatedTeacher, drawn: Sequence[DrawnTasks]) -> SimulatedOutcome:
        """Expected and drawn errors of a candidate; `drawn` has the tasks of each prior."""
        trained = self._trained(teacher)
        errors = [
            [tasks.error(f, self.part.test, prior.noise) for f in one.predictions(tasks.labels[self.part.weak])]
            for one, tasks, prior in zip(trained, drawn, self.priors, strict=True)
        ]
        return SimulatedOutcome(np.array([[one.weak_error, one.w2s_error] for one in trained]), np.array(errors))

    def ceiling(self, place: int, drawn: DrawnTasks) -> tuple[float, Array]:
        """Expected and (R,) drawn errors of the student trained on gold labels, under one of the priors."""
        prior = self.priors[place]
        root = LabelRoot.of(prior, self.part.student, self.part.test)
        shrinkage, expected = self.student.on_gold(root)
        predictions = self.student.predict(drawn.labels[self.part.student], shrinkage)
        return expected, drawn.error(predictions, self.part.test, prior.noise)

    def null(self, prior: LabelPrior) -> NullSplit:
        """The same split under the prior of the null."""
        root, student = LabelRoot.of(prior, self.part.weak, self.part.test).single(), self.student.single()
        return NullSplit(student, root, student.crossed(root))

    def _trained(self, teacher: SimulatedTeacher) -> list[SimulatedTraining]:
        pairs = zip(self.roots, self.crossed, strict=True)
        return [SimulatedTraining.of(teacher, self.student, root, crossed) for root, crossed in pairs]


@dataclass(frozen=True, eq=False)
class NullSplit:
    """A split under one prior, for candidates whose training rows are paired at random with their labels.

    In float32: errors move by less than 1e-7, a shuffle's luck by far more.

    Attributes:
        student, root, crossed: as in `SimulatedSplit`.
    """

    student: SimulatedStudent
    root: LabelRoot
    crossed: Floats

    def lost(self, teacher: SimulatedTeacher, orders: Sequence[Rows]) -> Array:
        """(S,) expected Err_w2s with the training rows in other orders, less that with their own."""
        teacher = teacher.single()
        own = self._error(teacher, self.root)
        return np.array([self._error(teacher, self.root.shuffled(order)) - own for order in orders])

    def _error(self, teacher: SimulatedTeacher, root: LabelRoot) -> float:
        _, learned = teacher.trained(root)
        return self.student.trained(teacher.handed @ learned, self.crossed, root)[1]
