"""Simulated moments: what weak labels have in common when such heads are trained on the same gold rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from predictor.estimators.problem import Representation
from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.statistics.threads import in_order
from predictor.training.label_prior import LabelPrior
from predictor.training.splits import TEST_SHARE, Parts, cut
from predictor.training.weak_moments import weak_moments
from predictor.truth.consensus import WeakMoments
from predictor.truth.noise import MIDDLE_SHARE

SPLITS = 4
"""Random cuts of the rows that are averaged over."""


def simulated_moments(
    weak: Sequence[Representation], kernel: Array, gold: int, training: Training, rng: np.random.Generator
) -> WeakMoments:
    """Moments of the candidates' weak labels over random cuts of the rows.

    Args:
        kernel: (n, n) of the tasks.
        gold: rows that heads are trained on; nine tenths of all rows at most.
    """
    rows = len(kernel)
    gold = max(1, min(gold, rows - round(TEST_SHARE * rows)))
    prior = LabelPrior.of("tasks", kernel, 0.0).with_noise(MIDDLE_SHARE)
    found = []
    for _ in range(SPLITS):
        part = cut(rows, gold, 0, rng)
        heads = in_order(partial(_head, part), weak)
        found.append(weak_moments(heads, part.weak, part.test, prior, training, weak[0].device))
    return WeakMoments(
        np.mean([one.spread for one in found], axis=0), np.mean([one.with_truth for one in found], axis=0)
    )


def _head(part: Parts, weak: Representation) -> FactoredRidge:
    return FactoredRidge.of(weak.features[part.weak], weak.features[part.test], weak.device)
