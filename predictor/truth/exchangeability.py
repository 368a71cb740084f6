"""Exchangeability: whether weak labels come from heads that were trained on the very gold rows that are given.

Such heads repeat the noise of those labels: compared with the gold labels they look better than they are. On the rows
that a head was trained on, its outputs are further from their mean than on rows it never saw. For a teacher trained
elsewhere gold rows and others are exchangeable, and the two spreads agree. With q = |f − mean f|² per row,

    z = (mean_gold q − mean_others q) / √(var_gold q / l + var_others q / (n − l)),

which is about N(0, 1) for each such teacher. Derived here; no paper states it. Hard votes and heads that are
shrunk to little show next to nothing of it; the latter repeat little of the noise, too.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Floats

TRAINED = 2.0
"""Mean z from which heads count as trained on the gold rows. The mean of correlated z varies by at most 1."""

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


def trained_on(weak_labels: Iterable[Floats], known: NDArray[np.bool_]) -> bool:
    """Whether these weak labels come from heads that were trained on the gold rows."""
    return excess_spread(weak_labels, known) > TRAINED


def _z(table: Floats, known: NDArray[np.bool_]) -> float:
    away = np.sum((table - table[~known].mean(axis=0)) ** 2, axis=1)
    gold, others = away[known], away[~known]
    error = float(np.sqrt(gold.var() / len(gold) + others.var() / len(others)))
    return float(gold.mean() - others.mean()) / error if error > 0.0 else 0.0
