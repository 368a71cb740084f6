"""Supervision: weak labels of the pool per candidate, given by the user or predicted by a head trained on D~."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.estimators.problem import Case, Representation
from predictor.heads.divergences import class_probabilities
from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.statistics.device import HOST, Device
from predictor.statistics.threads import in_order
from predictor.training.splits import Rows

FOLDS = 10
"""Of the rows that students are cross-fitted on, at most."""


@dataclass(frozen=True, eq=False)
class Supervision:
    """Weak labels on the rows that students are trained and errors are measured on.

    Attributes:
        rows: pool rows concerned.
        predictions: per candidate (rows, k), or None where nothing is known of it.
        null: per candidate (S, rows, k), the same with row pairing shuffled S times, or None as above.
    """

    rows: NDArray[np.intp]
    predictions: tuple[Array | None, ...]
    null: tuple[Array | None, ...]


def supervise(
    case: Case,
    rng: np.random.Generator,
    shuffles: int = 0,
    *,
    every_row: bool = False,
    among: Rows | None = None,
) -> Supervision:
    """Weak labels per candidate: those given, else a ridge head trained on the gold rows, else None.

    The head's ridge is the training's own, or by leave-one-out on its training labels.

    Args:
        rng: shuffles the pairing of given labels with rows, of training rows with gold labels for trained heads.
        shuffles: S.
        every_row: of gold rows, too, for candidates whose heads were not trained on these.
        among: the rows concerned are some of these; None for all.

    Raises:
        InputError: gold labels cover (nearly) every row, so none is left to predict; given weak labels whose width
            does not fit the gold labels.
    """
    rows = np.arange(case.rows) if every_row else unlabelled_rows(case)
    rows = rows if among is None else rows[np.isin(rows, among)]
    known = np.flatnonzero(case.labels.known) if case.labels is not None else np.empty(0, dtype=int)
    given = [one.name in case.weak_labels for one in case.weak]
    sizes = [len(rows) if one else 0 if case.labels is None else len(known) for one in given]
    orders = [[rng.permutation(size) for _ in range(shuffles)] if size else [] for size in sizes]
    found = in_order(lambda one: _labels(case, *one, known, rows), list(zip(case.weak, orders, strict=True)))
    return Supervision(rows, tuple(own for own, _ in found), tuple(mixed for _, mixed in found))


def _labels(
    case: Case, candidate: Representation, orders: Sequence[Rows], known: Rows, rows: Rows
) -> tuple[Array | None, Array | None]:
    """One candidate's weak labels on `rows`, and the same with its pairings in other orders; None where unknown."""
    given, gold = case.weak_labels.get(candidate.name), case.labels
    if given is not None:
        labels = _columns(given, None if gold is None else gold.targets.shape[1], candidate.name)[rows]
        return labels, np.array([labels[order] for order in orders]).reshape(-1, *labels.shape)
    if gold is None:
        return None, None
    head, targets, ridge = _head(case, candidate, known, rows), gold.targets[known], case.training.squared.weak_ridge
    paired = np.concatenate([targets[order] for order in orders] or [targets[:, :0]], axis=1)
    mixed = head.predict(paired, ridge).reshape(len(rows), -1, targets.shape[1]).transpose(1, 0, 2)
    return head.predict(targets, ridge), mixed


def _head(case: Case, candidate: Representation, train: NDArray[np.intp], other: NDArray[np.intp]) -> FactoredRidge:
    """The weak head; kept for the next estimator where the case has one candidate, as those of many are large."""
    if len(case.weak) == 1:
        return candidate.head(train, other)
    return FactoredRidge.of(candidate.features[train], candidate.features[other], candidate.device).on_host()


def unlabelled_rows(case: Case) -> NDArray[np.intp]:
    """Pool rows without a gold label: those that predictions concern.

    Raises:
        InputError: too few of them.
    """
    return np.arange(case.rows) if case.labels is None else case.labels.unlabelled()


def check_width(given: Array, columns: int | None, name: str) -> None:
    """Refuse weak labels whose width does not fit gold labels of `columns` columns.

    Raises:
        InputError: they do not fit.
    """
    _columns(given, columns, name)


def check_probabilities(given: Array, name: str) -> None:
    """Refuse weak labels that logistic students cannot be trained on.

    Raises:
        InputError: they are no class probabilities.
    """
    if class_probabilities(given) is None:
        raise InputError(
            f"weak labels of {name!r} are no class probabilities, numbers from 0 to 1 that sum to 1 over the classes, "
            "and logistic students are trained on such; give them, or leave out --heads logistic.",
            reason="NO_PROBABILITIES",
            field="weak_labels",
        )


def _columns(given: Array, columns: int | None, name: str) -> Array:
    table = given[:, None] if given.ndim == 1 else given
    if columns == 1 and table.shape[1] == 2:
        return table[:, 1:]
    if columns is not None and table.shape[1] != columns:
        raise InputError(
            f"weak labels of {name!r} have {table.shape[1]} column(s), the gold labels {columns}; give one column per "
            "class, in the classes' order.",
            reason="COLUMNS_DIFFER",
            field="weak_labels",
        )
    return table


def cross_fitted(
    strong: NDArray[np.floating],
    weak_labels: Array,
    folds: int,
    rng: np.random.Generator,
    ridge: float | None = None,
    max_rows: int | None = None,
    device: Device = HOST,
) -> Array:
    """(n, k) held-out predictions of the strong head trained on weak labels: each row from heads that never saw it.

    Args:
        strong: (n, d) features of the rows that carry the weak labels.
        weak_labels: (n, k).
        folds: ≥ 2, random, of equal size.
        ridge: a share of tr K; None for leave-one-out on the weak labels of the training folds.
        max_rows: that a head is trained on, of its training folds; None for all of them.
        device: that factors the heads.
    """

    def head(train: NDArray[np.intp], test: NDArray[np.intp]) -> FactoredRidge:
        return FactoredRidge.of(strong[train], strong[test], device).on_host()

    return cross_fitted_by(head, weak_labels, folds, rng, ridge, max_rows)


def cross_fitted_by(
    head: Callable[[NDArray[np.intp], NDArray[np.intp]], FactoredRidge],
    weak_labels: Array,
    folds: int,
    rng: np.random.Generator,
    ridge: float | None = None,
    max_rows: int | None = None,
) -> Array:
    """As `cross_fitted`, with heads of a model given by their training rows and the rows that they predict."""
    learned, schedule = np.empty_like(weak_labels), list(fold_schedule(len(weak_labels), folds, max_rows, rng))
    found = in_order(lambda fold: head(*fold).predict(weak_labels[fold[0]], ridge), schedule)
    for (_, test), predicted in zip(schedule, found, strict=True):
        learned[test] = predicted
    return learned


def fold_schedule(
    rows: int, folds: int, max_rows: int | None, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to train on, at most `max_rows`, and the held-out rows of one fold; every fold once, in random order."""
    order = rng.permutation(rows)
    for test in np.array_split(order, folds):
        yield np.setdiff1d(order, test, assume_unique=True)[:max_rows], test  # still in random order


def cross_fitted_student(
    strong: NDArray[np.floating],
    weak_labels: Array,
    training: Training,
    rng: np.random.Generator,
    device: Device = HOST,
) -> Array:
    """(n, k) held-out predictions of the student as it will be trained, on (n, k) weak labels and (n, d) features.

    Each half is predicted by the student trained on the other. A training of more than half of the rows takes more
    folds, up to ten. The device factors the heads.
    """
    folds, max_rows = folds_of(len(strong), training)
    return cross_fitted(strong, weak_labels, folds, rng, training.student_ridge, max_rows, device)


def folds_of(rows: int, training: Training) -> tuple[int, int | None]:
    """Folds of the students of a training, and the rows of the other folds that each is trained on at most."""
    asked = training.student_rows
    return 2 if asked is None else next((f for f in range(2, FOLDS) if _outside_fold(rows, f) >= asked), FOLDS), asked


def shortfall(rows: int, training: Training, gold: int | None = None) -> tuple[str, ...]:
    """Where the training is not as asked for, in sentences.

    Args:
        rows: that `cross_fitted_student` has.
        gold: rows that weak heads are trained on; None where their labels are given.
    """
    found, possible, asked = [], _outside_fold(rows, FOLDS), training.student_rows
    if asked is not None and asked > possible:
        found.append(
            f"students were trained on {possible} rows, not the {asked} asked for, as {rows} rows can show no more"
        )
    if gold is not None and training.weak_rows is not None and training.weak_rows != gold:
        found.append(f"weak heads were trained on all {gold} gold rows, not on the {training.weak_rows} asked for")
    return tuple(found)


def _outside_fold(rows: int, folds: int) -> int:
    """Rows outside the largest of `folds` folds."""
    return rows - -(-rows // folds)
