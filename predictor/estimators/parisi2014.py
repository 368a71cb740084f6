"""Spectral meta-learner: balanced errors of binary voters from the rank-one shape of their covariance.

Parisi, Strino, Nadler, Kluger 2014, "Ranking and combining multiple predictors without labeled data", PNAS 111(4):
for votes ±1 that err independently given the class, the covariance of voters i ≠ j is
(1 − b²)(2π_i − 1)(2π_j − 1), b the class imbalance E y and π the balanced accuracy.
"""

from __future__ import annotations

import numpy as np

from predictor.statistics.arrays import Array


def balanced_errors(signs: Array, imbalance: float) -> Array:
    """(m,) 1 − π in [0, 1] of each voter; ½ knows nothing, lower is better.

    Args:
        signs: (n, m) votes ±1, m ≥ 3.
        imbalance: b = P(y = 1) − P(y = −1), inside (−1, 1).
    """
    leading = rank_one(np.cov(signs, rowvar=False))
    errors: Array = np.clip((1.0 - leading / np.sqrt(1.0 - imbalance**2)) / 2.0, 0.0, 1.0)
    return errors


def rank_one(covariance: Array, *, rounds: int = 2000, tolerance: float = 1e-12) -> Array:
    """(m,) v that minimises Σ_{i≠j} (C_ij − v_i v_j)², Σ v ≥ 0: most voters are taken to be better than chance.

    One coordinate after the other, v_i = Σ_j C_ij v_j / Σ_j v_j² over j ≠ i, so that no step raises the sum. For three
    voters with C_12 C_13 C_23 > 0 the fit is exact, v_1² = C_12 C_13 / C_23.
    """
    off = covariance - np.diag(np.diag(covariance))
    values, vectors = np.linalg.eigh(off)
    leading: Array = vectors[:, -1] * np.sqrt(max(float(values[-1]), 0.0))
    for _ in range(rounds):
        before = leading.copy()
        for i in range(len(leading)):
            energy = float(leading @ leading) - leading[i] ** 2
            leading[i] = float(off[i] @ leading) / energy if energy > 1e-300 else 0.0
        if float(np.abs(leading - before).max()) <= tolerance:
            break
    return leading if leading.sum() >= 0.0 else -leading
