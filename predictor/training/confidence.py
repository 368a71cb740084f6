"""Confidence loss: training labels of a student that also learns from its own predictions.

    (1 − α) CE(f, f_w) + α CE(f, f̂)  =  CE(f, (1 − α) f_w + α f̂)

f̂ is the student's own prediction hardened at a threshold that keeps the weak labels' share of each class; no gradient
flows through it. CE is linear in its target, so the loss is the cross-entropy with mixed targets. α rises linearly
from 0 over the first fifth of the training.

Source: Burns et al. 2023, "Weak-to-Strong Generalization", arXiv:2312.09390, section 4.3.2 and appendix A.4; the
threshold as in the published code, which takes the quantile of the weak labels' class share rather than the median.
"""

from __future__ import annotations

import numpy as np

from predictor.statistics.arrays import Array

WARM_UP = 0.2
"""Share of the training over which α rises."""


def mixed_targets(weak: Array, own: Array, weight: float) -> Array:
    """(b, c) targets (1 − α) f_w + α f̂.

    Args:
        weak: (b, c) weak labels as class probabilities.
        own: (b, c) the student's present probabilities for the same rows.
        weight: α in [0, 1).
    """
    mixed: Array = (1.0 - weight) * weak + weight * own_classes(own, weak)
    return mixed


def own_classes(own: Array, weak: Array) -> Array:
    """(b, c) one-hot f̂: of two classes the second where its probability is above the (1 − s) quantile, s being the
    mean weak label of that class; of more classes the likeliest (the paper has two)."""
    chosen = own.argmax(axis=1)
    if own.shape[1] == 2:
        share = float(np.clip(weak[:, 1].mean(), 0.0, 1.0))
        chosen = (own[:, 1] > np.quantile(own[:, 1], 1.0 - share)).astype(np.intp)
    one_hot: Array = np.eye(own.shape[1])[chosen]
    return one_hot


def weight_at(progress: float, limit: float) -> float:
    """α after a share `progress` of the training, `limit` from a fifth of it on."""
    return limit * min(1.0, progress / WARM_UP)
