"""Exchangeability: whether weak labels come from heads that were trained on the very gold rows that are given.

Such heads repeat the noise of those labels: compared with the gold labels they look better than they are. On the rows
that a head was trained on, its outputs lie further from their mean than on rows it never saw. For a teacher trained
elsewhere gold rows and others are exchangeable, and the two spreads agree. With q = |f − mean f|² per row,

    z = (mean_gold q − mean_others q) / √(var_gold q / l + var_others q / (n − l)),

which is about N(0, 1) for each such teacher. Derived here; no paper states it. Hard votes and heads that are
shrunk to little show next to nothing of it; the latter repeat little of the noise, too.

Gold rows that were chosen, such as those where candidates disagree, have more spread too. What they lack is that
outputs follow their own labels: of a calibrated teacher (f − mean f) · (y − f) is zero in the mean over rows chosen
by f, while a head trained on y_i has moved towards it. Both must show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.query.labels import Labels
from predictor.statistics.arrays import Array, Floats

TRAINED = 2.0
"""Mean z from which heads count as trained on the gold rows. The mean of correlated z varies by at most 1."""

FOLLOWED = 3.5
"""Mean z of how outputs follow their own labels, from which they do: under-confident teachers reach 3, too."""

MIN_ROWS = 8
"""Of gold rows and of others: fewer show no spread."""


def excess_spread(weak_labels: Iterable[Floats], known: NDArray[np.bool_]) -> float:
    """Mean over candidates of z; 0 where there is nothing to compare.

    Args:
        weak_labels: of each candidate, (n,) or (n, k).
        known: (n,) the rows with a gold label.
    """
    if min(known.sum(), (~known).sum()) < MIN_ROWS:
        return 0.0
    found = [_z(np.asarray(table, dtype=np.float64).reshape(len(known), -1), known) for table in weak_labels]
    return float(np.mean(found)) if found else 0.0


def follows_own(weak_labels: Iterable[Floats], labels: Labels) -> float:
    """Mean over candidates of z of (f − mean f) · (y − f) on gold rows; 0 where there is nothing to compare."""
    known, columns = labels.known, labels.targets.shape[1]
    if min(known.sum(), (~known).sum()) < MIN_ROWS:
        return 0.0
    found = [_followed(_coded(table, columns), known, labels.targets[known]) for table in weak_labels]
    return float(np.mean(found)) if found else 0.0


def trained_on(weak_labels: Iterable[Floats], labels: Labels) -> bool:
    """Whether these weak labels come from heads that were trained on the gold rows."""
    tables: Sequence[Floats] = tuple(weak_labels)
    return excess_spread(tables, labels.known) > TRAINED and follows_own(tables, labels) > FOLLOWED


def _z(table: Floats, known: NDArray[np.bool_]) -> float:
    away = np.sum((table - table[~known].mean(axis=0)) ** 2, axis=1)
    gold, others = away[known], away[~known]
    error = float(np.sqrt(gold.var() / len(gold) + others.var() / len(others)))
    return float(gold.mean() - others.mean()) / error if error > 0.0 else 0.0


def _followed(table: Array, known: NDArray[np.bool_], gold: Array) -> float:
    own = table[known]
    if own.shape != gold.shape:
        return 0.0
    moved = np.sum((own - table[~known].mean(axis=0)) * (gold - own), axis=1)
    error = float(moved.std() / np.sqrt(len(moved)))
    return float(moved.mean()) / error if error > 0.0 else 0.0


def _coded(table: Floats, columns: int) -> Array:
    """(n, k) in the columns of the gold labels: of probabilities of two classes, those of the second."""
    wide = np.asarray(table, dtype=np.float64).reshape(len(table), -1)
    return wide[:, 1:] if columns == 1 and wide.shape[1] == 2 else wide
