"""Votes: weak labels read as classes, where they are classes."""

from __future__ import annotations

import numpy as np

from predictor.query.labels import Labels
from predictor.statistics.arrays import Array, Ints


def are_classes(table: Array, labels: Labels | None) -> bool:
    """Whether (n, k) predictions speak of classes.

    Gold labels decide where there are any. Without them, several columns or numbers within [0, 1] are read as
    probabilities; anything else is a number to regress on.
    """
    if labels is not None:
        return labels.kind != "regression"
    return table.shape[1] > 1 or bool(np.all((table >= 0.0) & (table <= 1.0)))


def probabilities(table: Array) -> Array:
    """(n, max(k, 2)) class probabilities: values outside [0, 1] are clipped, rows are divided by their sum.

    One column is the probability of the second of two classes. A row without any positive entry is spread evenly.
    """
    if table.shape[1] == 1:
        second = np.clip(table, 0.0, 1.0)
        return np.hstack([1.0 - second, second])
    cut = np.clip(table, 0.0, 1.0)
    total = cut.sum(axis=1, keepdims=True)
    shared: Array = np.where(total > 0.0, cut, 1.0) / np.where(total > 0.0, total, cut.shape[1])
    return shared


def votes(table: Array) -> Ints:
    """(n,) class of each row: codes are cut at ½, several columns by the largest."""
    chosen: Ints = (table[:, 0] > 0.5).astype(np.intp) if table.shape[1] == 1 else table.argmax(axis=1)
    return chosen


def margins(table: Array) -> Array:
    """(n,) lead of the first class over the second: |2p − 1| for one column, largest minus second for several.

    Taken before anything is cut to [0, 1]: this preserves the order of a linear head's margins.
    """
    if table.shape[1] == 1:
        lead: Array = np.abs(2.0 * table[:, 0] - 1.0)
        return lead
    ordered = np.sort(table, axis=1)
    first: Array = ordered[:, -1]
    return first - ordered[:, -2]
