"""Weak voters: given weak labels as voters on the truth, in the unit of the labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.calibrated_votes import calibrated_votes, only_votes, read_as_classes
from predictor.estimators.problem import Case
from predictor.estimators.vote_matrix import NEEDED
from predictor.statistics.arrays import Array
from predictor.training.coding import Coding
from predictor.truth.exchangeability import trained_on
from predictor.truth.voters import Kind, Voters

PRIOR_GOLD = 8
"""Gold rows that the weak labels' own mean and deviation count for, beside the given ones."""

MIN_SHARE = 1e-3
"""Of a class: linear heads may put a rare one below 0."""


def weak_voters(case: Case, known: NDArray[np.intp]) -> tuple[Voters | None, Coding]:
    """Weak labels that were given, and the unit of labels: the pool's mean and deviation, as far as they are known.

    Of classes that are only described the shares are taken to be even. Weak labels of heads that were trained on the
    gold rows are no voters, and say nothing of the unit. Votes without gold labels are calibrated by each other.
    """
    tables = [(one.name, case.weak_labels[one.name]) for one in case.weak if one.name in case.weak_labels]
    names = tuple(name for name, _ in tables)
    trained = case.labels is not None and trained_on((table for _, table in tables), case.labels)
    coding = _coding(case, known, np.stack([t for _, t in tables]) if tables and not trained else None)
    if not tables or trained:
        return None, coding
    kind: Kind = "weak"
    scores = np.stack([table for _, table in tables])
    distinct = len({table.tobytes() for table in scores})
    if not len(known) and distinct >= NEEDED and only_votes(scores) and read_as_classes(scores, case.labels):
        scores = calibrated_votes(scores)
    return Voters(names, (kind,) * len(names), coding.labels(scores).transpose(1, 0, 2)), coding


def _coding(case: Case, known: NDArray[np.intp], votes: Array | None) -> Coding:
    gold = None if case.labels is None or not len(known) else case.labels.targets[known]
    if gold is not None and votes is not None:
        return _corrected(votes, gold, known, classes=case.labels is not None and case.labels.kind != "regression")
    if gold is not None:
        return Coding(gold.mean(axis=0), float(np.sqrt(np.sum(np.var(gold, axis=0)))))
    if votes is not None:
        return Coding(
            votes.mean(axis=(0, 1)), float(np.sqrt(_label_variance(votes, classes=case.described_classes > 0)))
        )
    if case.described_classes:
        return _balanced(case.described_classes)
    columns = 1 if case.labels is None else case.labels.targets.shape[1]
    return Coding(np.zeros(columns), 1.0)


def _corrected(votes: Array, gold: Array, known: NDArray[np.intp], *, classes: bool) -> Coding:
    """Moments of the votes on all rows, corrected by what gold rows show them to be wrong by.

    The mean of gold rows that were chosen is not that of all rows; the mean of label less vote depends on the choice
    far less (the difference estimator of survey sampling).

    Args:
        votes: (m, n, k).
        gold: (l, k) labels of the rows `known`.
    """
    mean, trust = votes.mean(axis=0), len(gold) / (len(gold) + PRIOR_GOLD)
    centre = mean.mean(axis=0) + trust * (gold - mean[known]).mean(axis=0)
    if classes:
        least = 1.0 / (len(gold) + PRIOR_GOLD)
        centre = np.clip(centre, least, 1.0 - least)
        return Coding(centre, float(np.sqrt(np.sum(centre * (1.0 - centre)))))
    spread = float(np.mean(np.sum((mean - centre) ** 2, axis=1)))
    missed = np.mean(np.sum((gold - centre) ** 2 - (mean[known] - centre) ** 2, axis=1))
    shown = max(spread + float(missed), 0.5 * spread)
    return Coding(centre, float(np.sqrt(trust * shown + (1.0 - trust) * _label_variance(votes))))


def _balanced(classes: int) -> Coding:
    share, columns = 1.0 / classes, 1 if classes == 2 else classes
    return Coding(np.full(columns, share), float(np.sqrt(columns * share * (1.0 - share))))


def _label_variance(stacked: Array, *, classes: bool = False) -> float:
    """Of classes, from their shares; of numbers, as if the median candidate explained half of it."""
    shares = stacked.mean(axis=(0, 1))
    if classes or (stacked.min() >= 0.0 and stacked.max() <= 1.0):
        shares = np.clip(shares, MIN_SHARE, 1.0 - MIN_SHARE)
        return float(np.sum(shares * (1.0 - shares)))
    return 2.0 * float(np.median(np.sum(np.var(stacked, axis=1), axis=1)))
