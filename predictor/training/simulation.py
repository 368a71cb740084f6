"""Weak-to-strong training on labels drawn from a prior: expected errors in closed form.

Weak head on D~, weak labels on D^, the student's head on those, errors on test rows. With ridges fixed, every step is
linear in the labels of D~. The mean is one more direction with shrinkage 1: U+ = [1/√n, U], T+ alike, s = (1, λ/(λ+β)).
With y = L z the gold labels of D~ and R = E z y_tᵀ (see `LabelRoot`),

    Y       = U+ᵀ L                         the gold labels along the weak head's directions
    P       = [1/√n^, U_s]ᵀ T+[D^] (s ∘ Y)  the weak labels along the student's
    Err_w   = E y_t² + (‖T+[t] (s ∘ Y)‖² − 2 ⟨T+[t] (s ∘ Y), Rᵀ⟩) / n_t
    Err_w2s = E y_t² + (‖T_s+ (z ∘ P)‖²  − 2 ⟨z ∘ P, (R T_s+)ᵀ⟩) / n_t

Everything that does not depend on the prior is made once per model and split. Ridges are the user's own, or those that
minimise the *expected* error on rows left out one by one, so nothing is tuned on an outcome. Derived here; no paper
states it.

Every array may be a stack: splits of the same sizes are axes before those named, priors are axes before these. Arrays
are of any device, those of one training all of the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.statistics.arrays import Array
from predictor.statistics.device import beside, namespace
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.splits import Rows

Floats = NDArray[np.floating]
"""float64; float32 for the null."""


def turned(matrices: Floats) -> Floats:
    """Transposes."""
    return matrices.swapaxes(-1, -2)


def with_mean(directions: Floats, rows: int) -> Floats:
    """[1/√rows, `directions`]: the mean of the training labels as one more direction."""
    xp = namespace(directions)
    mean = xp.full((*directions.shape[:-1], 1), rows**-0.5, dtype=directions.dtype, device=directions.device)
    found: Floats = xp.concat([mean, directions], axis=-1)
    return found


def shrunk(head: FactoredRidge, ridge: float | Array) -> Floats:
    """(r + 1, 1) shrinkage s of the mean and of every direction."""
    directions: Array = head.values / (head.values + (ridge if isinstance(ridge, int | float) else ridge[..., None]))
    return with_mean(directions, 1)[..., None]


def in_single(array: Floats) -> Floats:
    """In float32, for the null."""
    xp = namespace(array)
    found: Floats = xp.astype(array, xp.float32)
    return found


def inner(one: Floats, other: Floats) -> Array:
    """⟨one, other⟩, summed in float64 also where the arrays are float32."""
    found: Array
    xp = namespace(one)
    if one.dtype == xp.float64:
        found = xp.einsum("...ij,...ij->...", one, other)
    else:
        found = xp.sum(one * other, axis=(-2, -1), dtype=xp.float64)
    return found


def energies(along: Floats) -> Array:
    """(k,) sums of squares of (k, n) rows."""
    found: Array
    xp = namespace(along)
    if along.dtype == xp.float64:
        found = xp.einsum("...ij,...ij->...i", along, along)
    else:
        found = xp.sum(xp.square(along), axis=-1, dtype=xp.float64)
    return found


def best_ridge(head: FactoredRidge, energy: Array, total: Array | None, ridge: float | None) -> float | Array:
    """The ridge given, or that of the least expected error on rows left out.

    Args:
        energy: (r + 1,) of the training labels along the mean and the head's directions.
        total: all of their energy, that of the mean included; only looked at where the head is not complete.
    """
    if ridge is not None:
        return ridge
    centred = None if total is None or head.complete else (total - energy[..., 0])[..., None]
    found: Array = head.expected_loo_ridge(energy[..., 1:, None], centred)[..., 0]
    return found


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
        return cls(head, with_mean(head.left, head.rows), test, turned(test) @ test, ridge)

    def crossed(self, root: LabelRoot) -> Floats:
        """(r + 1, n) (R T_s+)ᵀ: the test labels along the student's directions, per unit normal of the root."""
        crossed: Floats = turned(self.test) @ root.tested
        return crossed

    def trained(self, along: Floats, total: Array | None, crossed: Floats, root: LabelRoot) -> tuple[Floats, Array]:
        """Shrinkage (r + 1, 1) and expected error of the student, in units of the label variance.

        Args:
            along: (r + 1, n) its training labels along [1, U_s], per unit normal of the root.
            total: their energy along these and outside; None where the head is complete.
            crossed: `crossed(root)`.
        """
        ridge = best_ridge(self.head, energies(along), total, self.ridge)
        shrinkage = namespace(along).astype(shrunk(self.head, ridge), along.dtype, copy=False)
        learned = shrinkage * along
        missed = inner(learned @ turned(learned), self.gram) - 2.0 * inner(learned, crossed)
        return shrinkage, root.of_test + missed / self.test.shape[-2]

    def take(self, split: int | slice) -> SimulatedStudent:
        """The head on one split of a stack, or on some."""
        return SimulatedStudent(self.head.take(split), self.seen[split], self.test[split], self.gram[split], self.ridge)

    def single(self) -> SimulatedStudent:
        """The same in float32, for the null."""
        seen, test, gram = (in_single(one) for one in (self.seen, self.test, self.gram))
        return SimulatedStudent(self.head, seen, test, gram, self.ridge)

    def on_gold(self, prior: LabelPrior, rows: Rows, test: Rows) -> tuple[Floats, Array]:
        """As `trained` for the ceiling, trained on gold labels of D^, the rows given: no root is needed."""
        xp = namespace(self.seen)
        among, response = (beside(self.seen, one) for one in (prior.covariance(rows), prior.between(rows, test)))
        moments = turned(self.seen) @ among @ self.seen
        total, energy = (xp.einsum("...kk->...", among), xp.einsum("...kk->...k", moments))
        shrinkage = shrunk(self.head, best_ridge(self.head, energy, total, self.ridge))
        crossed = xp.einsum("...kt,...tk->...k", turned(self.seen) @ response, self.test)
        learned = inner(shrinkage * moments * turned(shrinkage), self.gram)
        missed = learned - 2.0 * xp.sum(shrinkage[..., 0] * crossed, axis=-1)
        return shrinkage, beside(self.seen, prior.variance(test)) + missed / self.test.shape[-2]

    def predict(self, labels: Floats, shrinkage: Floats) -> Floats:
        """(n_t, k) predictions of the head trained on (n^, k) labels."""
        predictions: Floats = self.test @ (shrinkage * (turned(self.seen) @ labels))
        return predictions


@dataclass(frozen=True, eq=False)
class SimulatedTeacher:
    """A weak head on one split: trained on D~, labelling D^, tested on the same rows as its student.

    Attributes:
        head: factored on D~, transferring to D^ followed by the test rows.
        seen: (n~, r + 1) [1/√n~, U].
        test: (n_t, r + 1) T+ on the test rows.
        handed: (r_s + 1, r + 1) [1/√n^, U_s]ᵀ T+[D^].
        among: (r + 1, r + 1) T+[D^]ᵀ T+[D^]; None where the student's head is complete.
        ridge: the user's own, or None.
    """

    head: FactoredRidge
    seen: Floats
    test: Floats
    handed: Floats
    among: Floats | None
    ridge: float | None

    @classmethod
    def of(cls, head: FactoredRidge, student: SimulatedStudent, ridge: float | None) -> SimulatedTeacher:
        """Prepare a head for one student and any prior."""
        transfer, rows = with_mean(head.transfer, head.rows), student.head.rows
        labelled, test = transfer[..., :rows, :], transfer[..., rows:, :]
        among = None if student.head.complete else turned(labelled) @ labelled
        return cls(head, with_mean(head.left, head.rows), test, turned(student.seen) @ labelled, among, ridge)

    def trained(self, along: Floats, root: LabelRoot) -> tuple[Floats, Floats]:
        """Shrinkage s (r + 1, 1), and s ∘ Y (r + 1, n~): what the head learned, per unit normal of the root.

        Args:
            along: (r + 1, n~) Y, which is overwritten.
        """
        shrinkage = shrunk(self.head, best_ridge(self.head, energies(along), root.energy, self.ridge))
        along *= shrinkage
        return shrinkage, along

    def handed_energy(self, learned: Floats) -> Array | None:
        """Of the weak labels on D^; None where the student's head is complete."""
        return None if self.among is None else inner(learned, self.among @ learned)

    def take(self, split: int) -> SimulatedTeacher:
        """The head on one split of a stack."""
        seen, test, handed = (one[split] for one in (self.seen, self.test, self.handed))
        among = None if self.among is None else self.among[split]
        return SimulatedTeacher(self.head.take(split), seen, test, handed, among, self.ridge)

    def single(self) -> SimulatedTeacher:
        """The same in float32, for the null."""
        seen, test, handed = (in_single(one) for one in (self.seen, self.test, self.handed))
        among = None if self.among is None else in_single(self.among)
        return SimulatedTeacher(self.head, seen, test, handed, among, self.ridge)

    def expected_error(self, learned: Floats, root: LabelRoot) -> Array:
        """Expected error of the weak head, in units of the label variance; `learned` is s ∘ Y of `trained`."""
        predictions = self.test @ learned
        missed = inner(predictions, predictions) - 2.0 * inner(predictions, root.tested)
        error: Array = root.of_test + missed / self.test.shape[-2]
        return error


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
    weak_error: Array
    w2s_error: Array

    @classmethod
    def of(
        cls, teacher: SimulatedTeacher, student: SimulatedStudent, root: LabelRoot, crossed: Floats
    ) -> SimulatedTraining:
        """Train the student on the teacher's labels; `root` is that of D~, `crossed` is `student.crossed(root)`."""
        first, learned = teacher.trained(root.along(turned(teacher.seen)), root)
        second, w2s_error = student.trained(teacher.handed @ learned, teacher.handed_energy(learned), crossed, root)
        return cls(teacher, student, first, second, teacher.expected_error(learned, root), w2s_error)

    def predictions(self, gold: Floats) -> tuple[Floats, Floats]:
        """(n_t, k) predictions of the weak head and of the student, for (n~, k) gold labels of D~."""
        learned = self.teacher_shrinkage * (turned(self.teacher.seen) @ gold)
        handed = self.teacher.handed @ learned
        return self.teacher.test @ learned, self.student.test @ (self.student_shrinkage * handed)
