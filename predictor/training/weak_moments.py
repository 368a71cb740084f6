"""Weak moments: how weak labels of heads trained on the same gold rows covary under a prior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import FREE, Training
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.simulation import best_ridge, energies, shrunk, with_mean
from predictor.training.splits import Rows
from predictor.truth.consensus import WeakMoments

_CHUNK = 64
"""Rows whose responses to the gold labels are in memory of all models at a time."""


def weak_moments(
    heads: Sequence[FactoredRidge], gold: Rows, other: Rows, prior: LabelPrior, training: Training = FREE
) -> WeakMoments:
    """Expected moments, over the `other` rows, of weak labels of heads that were trained on the same gold rows.

    With F_i = T_i (s_i ∘ Y_i) centred over the rows, cov(f_i, f_j) = tr F_i F_jᵀ / m and cov(f_i, y) = tr F_i R / m.
    What heads share of the noise of their gold rows is in the former alone.

    Args:
        heads: of each model, trained on `gold` and transferring to `other`.
        gold: D~.
        other: m rows.
        training: whose ridge is used.
    """
    root = LabelRoot.of(prior, gold, other)
    transfers, responses = [], []
    for head in heads:
        along = root.along(with_mean(head.left, head.rows).T)
        along *= shrunk(head, best_ridge(head, energies(along), root.energy, training.weak_ridge))
        transfers.append(head.transfer - head.transfer.mean(axis=0))
        responses.append(along[1:])
    spread, with_truth = np.zeros((len(heads), len(heads))), np.zeros(len(heads))
    for start in range(0, len(other), _CHUNK):
        rows = slice(start, start + _CHUNK)
        pairs = zip(transfers, responses, strict=True)
        block = np.stack([(transfer[rows] @ along).ravel() for transfer, along in pairs])
        spread += block @ block.T
        with_truth += block @ root.tested[rows].ravel()
    return WeakMoments(spread / len(other), with_truth / len(other))
