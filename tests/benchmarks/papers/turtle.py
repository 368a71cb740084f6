"""TURTLE: a labelling of the rows that linear classifiers on given features find easy, without any label.

Gadetsky, Jiang, Brbić 2024, "Let Go of Your Labels with Unsupervised Transfer", arXiv:2406.07236. The labelling is
softmax of a linear map with normalised rows, moved against the cross-entropy of an inner classifier that is trained on
it, less `BALANCE` times the entropy of its class shares (their Eq. 12). Written from the paper; step sizes, inner steps
and balance are its authors', features are standardised here and there are fewer outer steps.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from predictor.estimators.problem import Representation
from predictor.query.labels import Labels
from predictor.statistics.arrays import Array
from predictor.training.runs import train_w2s

CLASSES = 10
BALANCE = 10.0
RATE = 1e-3
INNER = 10
OUTER = 300
SEEDS = 2
"""Labellings, each from its own start; what they predict is averaged."""

SPLITS = 3
"""Of the rows, for the trainings on each labelling."""


def labelling(features: NDArray[np.floating], seed: int, classes: int = CLASSES, steps: int = OUTER) -> Array:
    """(n, classes) one-hot labels that the features make easy."""
    torch.manual_seed(seed)
    spread = features.std(axis=0)
    values = (features - features.mean(axis=0))[:, spread > 0.0] / spread[spread > 0.0]
    rows = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
    task = weight_norm(nn.Linear(rows.shape[1], classes))
    inner = nn.Linear(rows.shape[1], classes)
    outer_step = torch.optim.Adam(task.parameters(), RATE)
    inner_step = torch.optim.Adam(inner.parameters(), RATE)
    for _ in range(steps):
        labels = functional.softmax(task(rows), dim=1)
        for _ in range(INNER):
            inner_step.zero_grad()
            torch.autograd.backward(functional.cross_entropy(inner(rows), labels.detach()))
            inner_step.step()
        outer_step.zero_grad()
        shares = labels.mean(dim=0)
        missed = functional.cross_entropy(inner(rows).detach(), labels)
        torch.autograd.backward(missed - BALANCE * torch.special.entr(shares).sum())
        outer_step.step()
    with torch.no_grad():
        found = task(rows).argmax(dim=1).numpy()
    return np.eye(classes)[found]


def simulated(strong: Representation, weak: tuple[Representation, ...]) -> tuple[Array, Array]:
    """(m,) W2S error and gain of students really trained on labellings of the strong model, in label variances."""
    errors, gains = [], []
    for seed in range(SEEDS):
        table = labelling(strong.features, seed)
        table = table[:, table.any(axis=0)]
        labels = Labels(table, "multiclass", tuple(str(place) for place in range(table.shape[1])))
        found = train_w2s(strong.features, [one.features for one in weak], labels, splits=SPLITS, seed=seed)
        errors.append(found.w2s.mean(axis=1))
        gains.append(found.gain.mean(axis=1))
    return np.mean(errors, axis=0), np.mean(gains, axis=0)
