"""Bounds of score differences on all rows, from scores on part of them: which candidates cannot be the best.

Candidates are scored on m of N rows (lower is better) and on B random halves of those m. For a pair, with d its
difference on the m rows and h_b on half b:

    s² = 1/(B−1) Σ_b (h_b − h̄)²          a half of m varies around m as m varies around the rows it was drawn from
    δ  = d − h̄                            what the last doubling of the rows did to the difference
    d_N ∈ [ d + min(0, J δ) − t s √(1 + m/N),  d + max(0, J δ) + t s √(1 + m/N) ],   J = log₂(N/m)

t is Student's quantile at α / (K (M − 1)): Bonferroni over K stages declared beforehand and over the M − 1 rivals that
the best candidate could lose to. A candidate whose difference from a rival is bounded above 0 is dropped. So the
candidate that all rows would rank first is dropped with probability at most α over the random order of the rows, *if*
differences of half-samples are close to normal and each further doubling of the rows moves a difference by no more
than the last one did, in either direction only as it did or not at all. The target is the answer that all rows would
give, not the truth. Source: half-sampling is Efron 1982, The Jackknife, the Bootstrap and Other
Resampling Plans, §5; the rest is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import numpy as np

from predictor.statistics.arrays import Array
from predictor.statistics.student_t import student_quantile

MAX_STAGES = 6
MIN_ROWS = 150
"""Rows of the first stage: a third of half of them must still train a head."""

HALVES = 12
"""Random halves scored at each stage."""


def schedule(rows: int, share: float = 1.0) -> tuple[int, ...]:
    """Rows read by the end of each stage: the budget, half of it, a quarter, down to 150 rows; 6 stages at most.

    Args:
        rows: N.
        share: of them that may be read, in (0, 1].
    """
    last = max(min(rows, MIN_ROWS), round(share * rows))
    stages = [last]
    while len(stages) < MAX_STAGES and stages[0] // 2 >= MIN_ROWS:
        stages.insert(0, stages[0] // 2)
    return tuple(stages)


@dataclass(frozen=True, eq=False)
class StageScores:
    """Scores of the candidates at one stage.

    Attributes:
        seen, rows: m and N; N is what the ranking estimator would use of all rows.
        values: (m,) scores on the rows seen, lower is better.
        halves: (m, B) scores on random halves of them.
    """

    seen: int
    rows: int
    values: Array
    halves: Array

    def bounds(self, level: float) -> tuple[Array, Array]:
        """(m, m) lower and upper bounds of score i less score j on all rows, each one-sided at this level."""
        d = self.values[:, None] - self.values[None, :]
        h = self.halves[:, None, :] - self.halves[None, :, :]
        spread = h.std(axis=2, ddof=1) * np.sqrt(1.0 + min(1.0, self.seen / self.rows))
        moved = log2(max(1.0, self.rows / self.seen)) * (d - h.mean(axis=2))
        reach = student_quantile(level, h.shape[2] - 1) * spread
        return d + np.minimum(0.0, moved) - reach, d + np.maximum(0.0, moved) + reach


def level_of(confidence: float, stages: int, candidates: int) -> float:
    """The level of one comparison: Bonferroni over stages and over the rivals of the best candidate."""
    return 1.0 - (1.0 - confidence) / (stages * max(1, candidates - 1))
