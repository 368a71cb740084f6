"""Joint draws of the outcomes of all candidates: what every decision is computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array


@dataclass(frozen=True, eq=False)
class OutcomeDraws:
    """R plausible outcomes of m candidates.

    One draw is one set of plausible labels, one split and one resample of the test rows, the same for every candidate.
    Differences between columns of one row are therefore free of what candidates share. The mean of every column is the
    predicted value.

    Attributes:
        names: (m,) of the candidates, in the order of the columns.
        w2s_error, gain: (R, m) in label variance.
        w2s_accuracy, weak_accuracy: (R, m) shares of rows; None where the target is not known to be classes.
        seed: that they were drawn by.
    """

    names: tuple[str, ...]
    w2s_error: Array
    gain: Array
    w2s_accuracy: Array | None
    weak_accuracy: Array | None
    seed: int


def centred_on(values: Array, draws: Array) -> Array:
    """(m, R) draws moved so that each candidate's mean is its (m,) value."""
    moved: Array = draws + (values - np.mean(draws, axis=1))[:, None]
    return moved
