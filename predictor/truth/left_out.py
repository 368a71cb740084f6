"""Left-out grid: how large errors of the label model are, by gold rows that are left out in turn.

A kernel says how labels vary together, and badly how much: it spreads over many directions what labels have in few. So
at each ratio of noise and smooth part, σ² = r τ², the size of both is such that squared errors on left-out gold rows
are as large as expected (Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", equations 5.10 to 5.12;
Bachoc 2013, "Cross validation and maximum likelihood estimations of hyper-parameters of Gaussian processes with model
misspecification"):

    τ²  =  mean (y_i − μ_{−i})²  /  mean 1 / (K_r⁻¹)_ii,    μ_{−i} = y_i − (K_r⁻¹ y)_i / (K_r⁻¹)_ii,    K_r = K + r I.
"""

from __future__ import annotations

import numpy as np

from predictor.statistics.arrays import Array
from predictor.truth.model import Hypothesis, LabelModel, Rows
from predictor.truth.seen import Seen

RATIOS: Array = np.logspace(-2.0, 1.5, 12)
"""r tried."""


def left_out_grid(model: LabelModel, gold: Array, known: Rows) -> list[tuple[float, Hypothesis]]:
    """Each kernel at each ratio, all alike before gold labels, for a model without a linear part.

    Args:
        gold: (l, k) centred labels.
        known: (l,) their rows.
    """
    found = []
    for kernel in range(len(model.kernels)):
        seen = Seen.of(model, kernel, gold, known, np.ones(len(known)))
        along = seen.vectors.T @ gold
        for ratio in RATIOS:
            weight = 1.0 / (seen.values + ratio)
            precision = seen.vectors**2 @ weight
            missed = (seen.vectors @ (weight[:, None] * along)) / precision[:, None]
            smooth = float(np.mean(missed**2) / np.mean(1.0 / precision))
            found.append((1.0, Hypothesis(0, kernel, smooth, smooth * float(ratio), 0.0)))
    return found
