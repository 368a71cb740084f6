"""PredictedMeasure: a measure of teachers and students that is not the squared error, such as their accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array, Ints


@dataclass(frozen=True, eq=False)
class PredictedMeasure:
    """What m weak models and their students are expected to reach.

    Attributes:
        weak, w2s: (m,) expected.
        weak_draws, w2s_draws: (m, R) on plausible labels and bootstraps of the rows, the same for all candidates.
        step: what one test row more or less changes; 0 where that differs.
    """

    weak: Array
    w2s: Array
    weak_draws: Array
    w2s_draws: Array
    step: float = 0.0

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
            min(run.step for run in found),
        )

    @classmethod
    def joined(cls, count: int, parts: Sequence[tuple[Ints, PredictedMeasure | None]]) -> PredictedMeasure | None:
        """Of `count` candidates, from parts at their places, on as many draws as all have; None where a part is."""
        found = [(places, one) for places, one in parts if one is not None]
        if not found or len(found) < len(parts):
            return None
        size, step = min(one.w2s_draws.shape[1] for _, one in found), min(one.step for _, one in found)
        whole = cls(np.empty(count), np.empty(count), np.empty((count, size)), np.empty((count, size)), step)
        for places, one in found:
            whole.weak[places], whole.w2s[places] = one.weak, one.w2s
            whole.weak_draws[places], whole.w2s_draws[places] = one.weak_draws[:, :size], one.w2s_draws[:, :size]
        return whole

    def take(self, draws: Ints) -> PredictedMeasure:
        """The same with its draws in another order."""
        return PredictedMeasure(self.weak, self.w2s, self.weak_draws[:, draws], self.w2s_draws[:, draws], self.step)
