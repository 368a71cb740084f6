"""Weak moments: how weak labels of heads trained on the same gold rows covary under a prior."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import FREE, Training
from predictor.statistics.device import HOST, Device, namespace, on_host
from predictor.statistics.threads import in_order
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.simulation import Floats, best_ridge, energies, shrunk, with_mean
from predictor.training.splits import Rows
from predictor.truth.consensus import WeakMoments

_CHUNK = 64
"""Rows whose responses to the gold labels are in memory of all models at a time."""


def weak_moments(
    heads: Sequence[FactoredRidge],
    gold: Rows,
    other: Rows,
    prior: LabelPrior,
    training: Training = FREE,
    device: Device = HOST,
) -> WeakMoments:
    """Expected moments, over the `other` rows, of weak labels of heads that were trained on the same gold rows.

    With F_i = T_i (s_i ∘ Y_i) centred over the rows, cov(f_i, f_j) = tr F_i F_jᵀ / m and cov(f_i, y) = tr F_i R / m.
    What heads share of the noise of their gold rows is in the former alone.

    Args:
        heads: of each model, trained on `gold` and transferring to `other`.
        gold: D~.
        other: m rows.
        training: whose ridge is used.
        device: of the heads.
    """
    root = LabelRoot.of(prior, gold, other, device)
    xp, whole = namespace(root.root), root.energy

    def learned(head: FactoredRidge) -> tuple[Floats, Floats]:
        along = root.along(with_mean(head.left, head.rows).T)
        along *= shrunk(head, best_ridge(head, energies(along), whole, training.weak_ridge))
        return head.transfer - xp.mean(head.transfer, axis=0), along[1:]

    trained = in_order(learned, heads)
    spread, with_truth = np.zeros((len(heads), len(heads))), np.zeros(len(heads))
    for start in range(0, len(other), _CHUNK):
        rows = slice(start, start + _CHUNK)
        block = xp.stack(in_order(partial(_predicted, rows), trained))
        spread += on_host(block @ block.T)
        with_truth += on_host(block @ root.tested[rows].ravel())
    return WeakMoments(spread / len(other), with_truth / len(other))


def _predicted(rows: slice, trained: tuple[Floats, Floats]) -> Floats:
    """(k n~,) weak labels of some rows, per unit normal of the root."""
    transfer, along = trained
    found: Floats = (transfer[rows] @ along).ravel()
    return found
