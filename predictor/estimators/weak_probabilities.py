"""Weak outputs: weak labels as probabilities or positive outputs, and held-out students trained on them.

Built once per case and shared by every estimator that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Literal, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.problem import Case, Representation
from predictor.estimators.supervision import check_width, supervise, unlabelled_rows
from predictor.heads.divergences import class_probabilities, divergence, floored
from predictor.heads.logistic import EXACT, RIDGES, fit_log_linear, fit_logistic, fold_of, held_out
from predictor.statistics.arrays import Array

Kind = Literal["probabilities", "positive"]
T = TypeVar("T")

FOLDS = 5

MAX_CELLS = 4000
"""Rows × classes, and directions × classes, of heads at most, so that a candidate costs about a second."""

MIN_ROWS = 400
"""Rows at least, however many classes there are."""

DIRECTIONS = (128, 1024)
"""Leading principal axes of a model that heads see: at least and at most."""


@dataclass(frozen=True, eq=False)
class WeakOutputs:
    """One candidate's weak labels on unlabelled rows, with the strong model's view of those rows.

    Attributes:
        kind: class probabilities, or positive outputs divided by their mean.
        scale: that mean in label units; 1 for probabilities. D(s f, s g) = sᵈ D(f, g) with d the generator's degree.
        weak: (n, c) f_w, probabilities no smaller than the floor.
        design: (n, r) strong features in principal axes.
        folds: (n,) fold of each row.
        student: (n, c) f_sw of the head that minimises the forward divergence I(f_w‖·) + ridge, held out.
        ridge: of that head, the one of smallest held-out divergence from the weak labels.
        notes: what the reader should know of the weak labels.
    """

    kind: Kind
    scale: float
    weak: Array
    design: Array
    folds: NDArray[np.intp]
    student: Array
    ridge: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class NotApplicable:
    """Why no divergence exists for a candidate."""

    reason: str


def once_per_case(build: Callable[[Case], T]) -> Callable[[Case], T]:
    """Share one result among the estimators that are asked of the same case; it goes when the case goes."""
    built: WeakKeyDictionary[Case, T] = WeakKeyDictionary()

    @wraps(build)
    def shared(case: Case) -> T:
        if case not in built:
            built[case] = build(case)
        return built[case]

    return shared


@once_per_case
def weak_outputs(case: Case) -> tuple[WeakOutputs | NotApplicable, ...]:
    """Weak outputs per candidate, or why there are none.

    Probabilities come from the user, else from a logistic head trained on the gold rows; positive outputs from the
    user, else from a ridge head.

    Raises:
        InputError: too few rows without a gold label, or weak labels that do not fit the gold ones.
    """
    rows = unlabelled_rows(case)
    predictions = [_weak_labels(case, candidate, rows) for candidate in case.weak]
    columns = max((p[2].shape[1] for p in predictions if not isinstance(p, NotApplicable)), default=2)
    rng = case.rng("lessons")
    used = np.sort(rng.permutation(len(rows))[: max(MIN_ROWS, MAX_CELLS // columns)])
    design = principal_axes(case.strong, rows[used], columns)
    folds = fold_of(len(used), FOLDS, rng)
    cut = () if len(used) == len(rows) else (f"on {len(used)} of {len(rows)} rows",)
    if design.shape[1] < case.strong.kernel.rank:
        cut = (*cut, f"heads see {design.shape[1]} of {case.strong.kernel.rank} directions")
    found: list[WeakOutputs | NotApplicable] = []
    for prediction in predictions:
        if isinstance(prediction, NotApplicable):
            found.append(prediction)
        else:
            kind, scale, weak = prediction
            found.append(_outputs_of(kind, scale, weak[used], design, folds, cut))
    return tuple(found)


def principal_axes(model: Representation, rows: NDArray[np.integer], classes: int) -> Array:
    """(n, r) standardised features in their principal axes over the pool, of mean squared norm 1 over the pool.

    r is cut where heads of so many classes would be slow.
    """
    kernel = model.kernel
    used = min(kernel.rank, int(np.clip(MAX_CELLS // classes, *DIRECTIONS)))
    return kernel.scores(rows, used)


def gold_probabilities(case: Case) -> Array:
    """(l, c) one-hot gold labels of the labelled rows of a classification task."""
    if case.labels is None or case.labels.kind == "regression":
        raise TypeError("only a classification task has gold probabilities")
    gold = case.labels.targets[case.labels.known]
    return np.concatenate([1.0 - gold, gold], axis=1) if gold.shape[1] == 1 else gold


def _weak_labels(
    case: Case, candidate: Representation, rows: NDArray[np.intp]
) -> tuple[Kind, float, Array] | NotApplicable:
    """What the weak labels of one candidate are, their scale, and the labels on `rows`."""
    given = case.weak_labels.get(candidate.name)
    classes = case.labels is not None and case.labels.kind != "regression"
    if given is not None:
        check_width(given, None if case.labels is None else case.labels.targets.shape[1], candidate.name)
        labels = given[rows] if given.ndim == 2 else given[rows, None]
        probabilities = class_probabilities(labels)
        if probabilities is not None and (case.labels is None or classes):
            return "probabilities", 1.0, probabilities
        if classes:
            return NotApplicable("its weak labels are no class probabilities: rows must be ≥ 0 and sum to 1")
        return _positive(labels)
    if case.labels is None:
        return NotApplicable("needs --weak-labels for this candidate, or --labels")
    if classes:
        return "probabilities", 1.0, _logistic_head(case, candidate, rows)
    alone = replace(case, weak=(candidate,), weak_labels={})
    by_ridge = supervise(alone, case.rng("lessons")).predictions[0]
    if by_ridge is None:
        raise TypeError("a candidate with gold rows always has a ridge head")
    return _positive(by_ridge)


def _positive(labels: Array) -> tuple[Kind, float, Array] | NotApplicable:
    if labels.shape[1] != 1 or float(labels.min()) <= 0.0:
        return NotApplicable("its weak labels are neither class probabilities nor positive outputs")
    scale = float(labels.mean())
    return "positive", scale, labels / scale


def _logistic_head(case: Case, candidate: Representation, rows: NDArray[np.intp]) -> Array:
    """(n, c) probabilities on `rows` of a logistic head trained on the gold rows, ridge by held-out log-loss."""
    if case.labels is None:
        raise TypeError("a logistic weak head needs gold rows")
    known, gold = np.flatnonzero(case.labels.known), gold_probabilities(case)
    design = principal_axes(candidate, known, gold.shape[1])
    tried = held_out(fit_logistic, design, gold, fold_of(len(known), FOLDS, case.rng("weak folds")))
    heads = fit_logistic(design, gold, RIDGES[[_argmin(gold, tried)]], tolerance=EXACT)
    return heads.predict(principal_axes(candidate, rows, gold.shape[1]))[:, 0]


def _outputs_of(
    kind: Kind, scale: float, weak: Array, design: Array, folds: NDArray[np.intp], notes: tuple[str, ...]
) -> WeakOutputs:
    if kind == "probabilities":
        lifted = floored(weak)
        changed = int(np.sum(np.any(np.abs(lifted - weak) > 1e-12, axis=1)))
        if changed:
            notes = (*notes, f"{changed} of {len(weak)} rows had a class probability lifted to the floor")
        fit = fit_logistic
    else:
        lifted, fit = weak, fit_log_linear
    best = _argmin(lifted, held_out(fit, design, lifted, folds))
    learned = held_out(fit, design, lifted, folds, RIDGES[[best]], tolerance=EXACT)[:, 0]
    student = floored(learned) if kind == "probabilities" else np.maximum(learned, np.finfo(np.float64).tiny)
    return WeakOutputs(kind, scale, lifted, design, folds, student, float(RIDGES[best]), notes)


def _argmin(targets: Array, tried: Array) -> int:
    """Which of (n, R, c) predictions diverges least from the (n, c) targets."""
    tiny = np.finfo(np.float64).tiny
    return int(np.argmin([np.mean(divergence(targets, np.maximum(one, tiny))) for one in np.moveaxis(tried, 1, 0)]))
