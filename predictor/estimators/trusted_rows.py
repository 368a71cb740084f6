"""Trusted rows: those whose weak labels the student would give them from the weak labels of other rows.

A student tends to correct errors of its teacher that do not follow from the row (Burns and others 2023,
arXiv:2312.09390, section 5.1). Where it disagrees with a label that it was not trained on, the label is suspect, as
under confident learning (Northcutt, Jiang, Chuang 2021, arXiv:1911.00068). No gold label is used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.statistics.arrays import Array, Ints

TRUSTED = 0.8
"""Share of the rows that is kept."""


def trusted_rows(strong: NDArray[np.floating], weak: Array, share: float = TRUSTED) -> Ints:
    """Numbers of the rows that are kept, rising.

    Each half is predicted by a ridge head trained on the weak labels of the other; predictions are brought to the scale
    of the labels by least squares, as ridge heads shrink them. Rows with the least squared distance are kept.

    Args:
        strong: (n, d), in random order.
        weak: (n, k).
        share: of the rows, in (0, 1].
    """
    halves = np.array_split(np.arange(len(weak)), 2)
    expected = np.empty_like(weak)
    for held, rest in (halves, halves[::-1]):
        expected[held] = FactoredRidge.of(strong[rest], strong[held]).predict(weak[rest])
    centred, labels = expected - expected.mean(axis=0), weak - weak.mean(axis=0)
    energy = float(np.sum(centred**2))
    scale = float(np.sum(centred * labels)) / energy if energy > 0.0 else 0.0
    missed = np.sum((labels - scale * centred) ** 2, axis=1)
    kept = np.argsort(missed, kind="stable")[: max(2, round(share * len(weak)))]
    return np.sort(kept)
