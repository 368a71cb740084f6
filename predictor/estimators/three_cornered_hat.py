"""Three-cornered hat: squared errors of three or more predictors from their pairwise distances alone.

Gray, Allan 1974, "A Method for Estimating the Frequency Stability of an Individual Oscillator", 28th Annual Symposium
on Frequency Control: where errors are uncorrelated, D_ij = e_i + e_j, so that e_1 = (D_12 + D_13 − D_23)/2.
"""

from __future__ import annotations

import numpy as np

from predictor.statistics.arrays import Array


def distances(predictions: Array) -> Array:
    """(m, m) mean squared distances, summed over columns, between (m, n, k) predictions."""
    flat = predictions.reshape(len(predictions), -1)
    energy = np.sum(flat**2, axis=1)
    apart = (energy[:, None] + energy[None, :] - 2.0 * flat @ flat.T) / predictions.shape[1]
    found: Array = np.maximum(apart - np.diag(np.diag(apart)), 0.0)
    return found


def squared_errors(apart: Array) -> Array:
    """(m,) e that minimises Σ_{i<j} (D_ij − e_i − e_j)² for m ≥ 3; exact for 3.

    e_i = (Σ_j D_ij − S)/(m − 2), S = Σ_{i<j} D_ij/(m − 1) = Σ e. What all predictors get wrong together is invisible:
    it lowers every e by the same amount, and e may fall below 0.
    """
    count = len(apart)
    total = float(apart.sum()) / (2.0 * (count - 1))
    errors: Array = (apart.sum(axis=1) - total) / (count - 2)
    return errors


def incoherence(apart: Array, errors: Array) -> float:
    """Root mean square of D_ij − e_i − e_j over the mean distance: 0 where errors are uncorrelated, or m = 3."""
    left, right = np.triu_indices(len(apart), 1)
    distance = apart[left, right]
    missed = distance - errors[left] - errors[right]
    mean = float(np.mean(distance))
    return float(np.sqrt(np.mean(missed**2))) / mean if mean > 0.0 else 0.0
