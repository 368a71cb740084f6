"""Weak voters: given weak labels as voters on the truth, in the unit of the labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.problem import Case
from predictor.statistics.arrays import Array
from predictor.training.coding import Coding
from predictor.truth.exchangeability import trained_on
from predictor.truth.voters import Kind, Voters


def weak_voters(case: Case, known: NDArray[np.intp]) -> tuple[Voters | None, Coding]:
    """Weak labels that were given, and the unit of labels: the gold rows' deviation, else that of the class shares.

    Of classes that are only described the shares are taken to be even.

    Those of heads that were trained on the gold rows are no voters.
    """
    tables = [(one.name, case.weak_labels[one.name]) for one in case.weak if one.name in case.weak_labels]
    names = tuple(name for name, _ in tables)
    columns = 1 if case.labels is None else case.labels.targets.shape[1]
    coding = Coding(np.zeros(columns), 1.0)
    if len(known) and case.labels is not None:
        gold = case.labels.targets[known]
        coding = Coding(gold.mean(axis=0), float(np.sqrt(np.sum(np.var(gold, axis=0)))))
    elif tables:
        stacked = np.stack([table for _, table in tables])
        centre = stacked.mean(axis=(0, 1))
        coding = Coding(centre, float(np.sqrt(_label_variance(stacked))))
    elif case.described_classes:
        coding = _balanced(case.described_classes)
    trained = case.labels is not None and trained_on((table for _, table in tables), case.labels.known)
    if not tables or trained:
        return None, coding
    kind: Kind = "weak"
    return Voters(names, (kind,) * len(names), np.stack([coding.labels(t) for _, t in tables], axis=1)), coding


def _balanced(classes: int) -> Coding:
    share, columns = 1.0 / classes, 1 if classes == 2 else classes
    return Coding(np.full(columns, share), float(np.sqrt(columns * share * (1.0 - share))))


def _label_variance(stacked: Array) -> float:
    """Of classes, from their shares; of numbers, as if the median candidate explained half of it."""
    shares = stacked.mean(axis=(0, 1))
    inside = stacked.min() >= 0.0 and stacked.max() <= 1.0
    if inside:
        return float(np.sum(shares * (1.0 - shares)))
    return 2.0 * float(np.median(np.sum(np.var(stacked, axis=1), axis=1)))
