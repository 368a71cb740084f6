"""Simplex: the weights, none below 0 and 1 together, at which a loss is least, by a general solver."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize


def least(loss, count):
    """The weights (count,) and the loss there; weights keep 1e-12 off 0, where losses have logarithms."""
    found = minimize(
        loss,
        np.full(count, 1 / count),
        bounds=[(1e-12, 1)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        tol=1e-12,
        options={"maxiter": 2000},
    )
    return found.x, found.fun
