"""Label grid: what the label model tries where gold labels are there, and how plausible each is before them."""

from __future__ import annotations

from dataclasses import replace

from predictor.estimators.label_bases import LabelBases
from predictor.statistics.arrays import Array
from predictor.truth.model import Hypothesis, LabelModel

LABEL_FREE = 0.9
"""Weight of the model without gold labels, before any: few of them must not replace it by one that they alone choose.
Chosen in simulated worlds."""


def label_free_first(
    kernels: tuple[Array, ...], bases: LabelBases
) -> tuple[LabelModel, list[tuple[float, Hypothesis]]]:
    """The model given gold labels and its grid: that of label-free orders, and one that gold labels decide on.

    Args:
        kernels: the one of label-free orders first.
    """
    model = LabelModel.of(kernels, *bases.whole, *bases.parted)
    plain = LabelModel.of(kernels[:1], *bases.whole).grid()
    moved = LabelModel.of(kernels, *bases.parted).grid(gold=True)
    weights = (LABEL_FREE / len(plain), (1.0 - LABEL_FREE) / len(moved))
    found = [(weights[0], at) for at in plain]
    return model, [*found, *((weights[1], replace(at, basis=at.basis + len(bases.whole))) for at in moved)]
