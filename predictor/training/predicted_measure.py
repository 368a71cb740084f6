"""PredictedMeasure: a measure of teachers and students that is not the squared error, such as their accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array


@dataclass(frozen=True, eq=False)
class PredictedMeasure:
    """What m weak models and their students are expected to reach.

    Attributes:
        weak, w2s: (m,) expected.
        weak_draws, w2s_draws: (m, R) on plausible labels and bootstraps of the rows, the same for all candidates.
    """

    weak: Array
    w2s: Array
    weak_draws: Array
    w2s_draws: Array

    @classmethod
    def of_draws(cls, weak_draws: Array, w2s_draws: Array) -> PredictedMeasure:
        """Expectations are the means of the draws that exist."""
        return cls(np.nanmean(weak_draws, axis=1), np.nanmean(w2s_draws, axis=1), weak_draws, w2s_draws)

    @classmethod
    def mean(cls, runs: Sequence[PredictedMeasure | None]) -> PredictedMeasure | None:
        """All runs as one: means, and the draws of all; None where a run has none."""
        found = [run for run in runs if run is not None]
        if not found or len(found) < len(runs):
            return None
        return cls(
            np.mean([run.weak for run in found], axis=0),
            np.mean([run.w2s for run in found], axis=0),
            np.concatenate([run.weak_draws for run in found], axis=1),
            np.concatenate([run.w2s_draws for run in found], axis=1),
        )
