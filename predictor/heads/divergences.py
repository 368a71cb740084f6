"""Divergences between predictions, per row: Kullback–Leibler for class probabilities, I-divergence in general.

    I(f‖g) = Σ_j f_j log(f_j / g_j) − f_j + g_j,

which is KL where both sum to 1, and the Bregman divergence of Σ f log f for any positive outputs.
"""

from __future__ import annotations

import numpy as np

from predictor.statistics.arrays import Array

FLOOR = 1e-3
"""Least class probability: a label given with certainty would make every divergence to it infinite."""

SUM_TOLERANCE = 1e-3
"""Rows may sum to 1 within this: predictions are often written with three decimals."""


def divergence(left: Array, right: Array) -> Array:
    """(n,) I(left‖right) of (n, c) outputs, in nats; left ≥ 0, right > 0, ≥ 0 always.

    Source: Csiszár 1975, Annals of Probability 3(1).
    """
    ratio = np.where(left > 0.0, left, 1.0) / right
    rows: Array = np.sum(left * np.log(ratio) - left + right, axis=1)
    return np.maximum(rows, 0.0)


def class_probabilities(values: Array) -> Array | None:
    """(n, c) probabilities, or None where the values are no such thing.

    (n,) or (n, 1) within [0, 1] are the probability of the second of two classes; (n, c) rows must be ≥ 0 and sum to 1.
    """
    table = values[:, None] if values.ndim == 1 else values
    if table.shape[1] == 1:
        table = np.concatenate([1.0 - table, table], axis=1)
    if table.min() < 0.0 or np.abs(table.sum(axis=1) - 1.0).max() > SUM_TOLERANCE:
        return None
    return table


def floored(probabilities: Array) -> Array:
    """The same with no probability under FLOOR, rows summing to 1; untouched where none was."""
    lifted = np.maximum(probabilities, FLOOR)
    result: Array = lifted / lifted.sum(axis=1, keepdims=True)
    return result
