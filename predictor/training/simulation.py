"""Weak-to-strong training on labels drawn from a prior: expected errors in closed form.

Weak head on D~, weak labels on D^, the student's head on those, errors on test rows. With ridges fixed, every step is
linear in the labels of D~. The mean is one more direction with shrinkage 1: U+ = [1/√n, U], T+ alike, s = (1, λ/(λ+β)).
With y = L z the gold labels of D~ and R = E z y_tᵀ (see `LabelRoot`),

    Y       = U+ᵀ L                         the gold labels along the weak head's directions
    P       = Qᵀ T+[D^] (s ∘ Y)             the weak labels along the student's, Q = [1/√n^, U_s, rest]
    Err_w   = E y_t² + (‖T+[t] (s ∘ Y)‖² − 2 ⟨T+[t] (s ∘ Y), Rᵀ⟩) / n_t
    Err_w2s = E y_t² + (‖T_s+ (z ∘ P)‖²  − 2 ⟨z ∘ P, (R T_s+)ᵀ⟩) / n_t

Everything that does not depend on the prior is made once per model and split. Ridges are the user's own, or those that
minimise the *expected* error on rows left out one by one, so nothing is tuned on an outcome. Derived here; no paper
states it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.training.label_prior import LabelRoot

Floats = NDArray[np.floating]
"""float64; float32 for the null."""


def with_mean(directions: Floats, rows: int) -> Floats:
    """[1/√rows, `directions`]: the mean of the training labels as one more direction."""
    return np.column_stack([np.full(len(directions), rows**-0.5), directions])


def shrunk(head: FactoredRidge, ridge: float) -> Floats:
    """(r + 1, 1) shrinkage s of the mean and of every direction."""
    directions: Floats = head.values / (head.values + ridge)
    return np.concatenate([np.ones(1), directions])[:, None]


def inner(one: Floats, other: Floats) -> float:
    """⟨one, other⟩, summed in float64 also where the arrays are float32."""
    return float(np.sum(one * other, dtype=np.float64))


def best_ridge(head: FactoredRidge, along: Floats, ridge: float | None, outside: float = 0.0) -> float:
    """The ridge given, or that of the least expected error on rows left out.

    Args:
        along: (k, n) training labels along the mean, the head's r directions and any further ones, per unit normal.
        outside: their energy along none of these.
    """
    if ridge is not None:
        return ridge
    energy: NDArray[np.float64] = np.square(along).sum(axis=1, dtype=np.float64)[1:]
    inside = energy[: len(head.values)]
    return float(head.expected_loo_ridge(inside[:, None], np.array([float(energy.sum()) + outside]))[0])


@dataclass(frozen=True, eq=False)
class SimulatedStudent:
    """The student's head on one split: trained on D^, tested on n_t rows.

    Attributes:
        head: factored on D^, transferring to the test rows.
        seen: (n^, r + 1) [1/√n^, U_s].
        test: (n_t, r + 1) T_s+.
        gram: (r + 1, r + 1) T_s+ᵀ T_s+.
        ridge: the user's own, or None.
    """

    head: FactoredRidge
    seen: Floats
    test: Floats
    gram: Floats
    ridge: float | None

    @classmethod
    def of(cls, head: FactoredRidge, ridge: float | None) -> SimulatedStudent:
        """Prepare a head for any teacher and prior."""
        test = with_mean(head.transfer, head.rows)
        return cls(head, with_mean(head.left, head.rows), test, test.T @ test, ridge)

    def along(self, labels: Floats) -> Floats:
        """(r + 1 + q, k) labels of D^ along Q; the last q rows, what lies outside [1, U_s], are up to a rotation."""
        inside = self.seen.T @ labels
        if self.seen.shape[1] >= len(self.seen):
            return inside
        return np.vstack([inside, np.linalg.qr(labels - self.seen @ inside, mode="r")])

    def crossed(self, root: LabelRoot) -> Floats:
        """(r + 1, n) (R T_s+)ᵀ: the test labels along the student's directions, per unit normal of the root."""
        crossed: Floats = self.test.T @ root.response.T
        return crossed

    def trained(self, along: Floats, crossed: Floats, root: LabelRoot) -> tuple[Floats, float]:
        """Shrinkage (r + 1, 1) and expected error of the student, in units of the label variance.

        Args:
            along: (r + 1 + q, n) its training labels along Q, per unit normal of the root.
            crossed: `crossed(root)`.
        """
        shrinkage = shrunk(self.head, best_ridge(self.head, along, self.ridge)).astype(along.dtype, copy=False)
        learned = shrinkage * along[: len(shrinkage)]
        missed = inner(learned @ learned.T, self.gram) - 2.0 * inner(learned, crossed)
        return shrinkage, root.of_test + missed / len(self.test)

    def single(self) -> SimulatedStudent:
        """The same in float32, for the null."""
        seen, test, gram = (one.astype(np.float32) for one in (self.seen, self.test, self.gram))
        return SimulatedStudent(self.head, seen, test, gram, self.ridge)

    def on_gold(self, root: LabelRoot) -> tuple[Floats, float]:
        """As `trained` for the ceiling, trained on gold labels; `root` is that of D^ itself."""
        return self.trained(self.along(root.root), self.crossed(root), root)

    def predict(self, labels: Floats, shrinkage: Floats) -> Floats:
        """(n_t, k) predictions of the head trained on (n^, k) labels."""
        predictions: Floats = self.test @ (shrinkage * (self.seen.T @ labels))
        return predictions


@dataclass(frozen=True, eq=False)
class SimulatedTeacher:
    """A weak head on one split: trained on D~, labelling D^, tested on the same rows as its student.

    Attributes:
        head: factored on D~, transferring to D^ followed by the test rows.
        seen: (n~, r + 1) [1/√n~, U].
        test: (n_t, r + 1) T+ on the test rows.
        handed: (r_s + 1 + q, r + 1) Qᵀ T+[D^].
        ridge: the user's own, or None.
    """

    head: FactoredRidge
    seen: Floats
    test: Floats
    handed: Floats
    ridge: float | None

    @classmethod
    def of(cls, head: FactoredRidge, student: SimulatedStudent, ridge: float | None) -> SimulatedTeacher:
        """Prepare a head for one student and any prior."""
        labelled, test = np.split(with_mean(head.transfer, head.rows), [student.head.rows])
        return cls(head, with_mean(head.left, head.rows), test, student.along(labelled), ridge)

    def trained(self, root: LabelRoot) -> tuple[Floats, Floats]:
        """Shrinkage s (r + 1, 1), and s ∘ Y (r + 1, n~): what the head learned, per unit normal of the root."""
        along = self.seen.T @ root.root
        outside = max(inner(root.root, root.root) - inner(along, along), 0.0)
        shrinkage = shrunk(self.head, best_ridge(self.head, along, self.ridge, outside))
        along *= shrinkage
        return shrinkage, along

    def single(self) -> SimulatedTeacher:
        """The same in float32, for the null."""
        seen, test, handed = (one.astype(np.float32) for one in (self.seen, self.test, self.handed))
        return SimulatedTeacher(self.head, seen, test, handed, self.ridge)

    def expected_error(self, learned: Floats, root: LabelRoot) -> float:
        """Expected error of the weak head, in units of the label variance; `learned` is s ∘ Y of `trained`."""
        predictions = self.test @ learned
        missed = inner(predictions, predictions) - 2.0 * inner(predictions, root.response.T)
        return root.of_test + missed / len(self.test)


@dataclass(frozen=True, eq=False)
class SimulatedTraining:
    """One weak-to-strong training under one prior.

    Attributes:
        teacher, student: on the same split.
        teacher_shrinkage, student_shrinkage: (r + 1, 1) s and z.
        weak_error, w2s_error: expected on the test rows, in units of the label variance.
    """

    teacher: SimulatedTeacher
    student: SimulatedStudent
    teacher_shrinkage: Floats
    student_shrinkage: Floats
    weak_error: float
    w2s_error: float

    @classmethod
    def of(
        cls, teacher: SimulatedTeacher, student: SimulatedStudent, root: LabelRoot, crossed: Floats
    ) -> SimulatedTraining:
        """Train the student on the teacher's labels; `root` is that of D~, `crossed` is `student.crossed(root)`."""
        first, learned = teacher.trained(root)
        second, w2s_error = student.trained(teacher.handed @ learned, crossed, root)
        return cls(teacher, student, first, second, teacher.expected_error(learned, root), w2s_error)

    def predictions(self, gold: Floats) -> tuple[Floats, Floats]:
        """(n_t, k) predictions of the weak head and of the student, for (n~, k) gold labels of D~."""
        learned = self.teacher_shrinkage * (self.teacher.seen.T @ gold)
        handed = self.teacher.handed[: len(self.student_shrinkage)] @ learned
        return self.teacher.test @ learned, self.student.test @ (self.student_shrinkage * handed)
