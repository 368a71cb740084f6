"""What labels are expected to change: the regret of the choice that is made after them."""

from __future__ import annotations

import numpy as np

from predictor.statistics.arrays import Array


def regret_shares(outcomes: Array) -> tuple[int, Array]:
    """The candidate of least expected outcome, and the share of its expected regret by which candidate is best.

    Args:
        outcomes: (R, m) joint draws; lower is better.

    Returns:
        Its place, and (m,) shares that sum to 1; all 0 where no draw has regret.
    """
    lead = int(np.argmin(outcomes.mean(axis=0)))
    best = outcomes.argmin(axis=1)
    lost = outcomes[:, lead] - outcomes.min(axis=1)
    found = np.bincount(best, weights=lost, minlength=outcomes.shape[1]).astype(np.float64)
    shares: Array = found / max(float(found.sum()), np.finfo(np.float64).tiny)
    return lead, shares


def expected_regret(outcomes: Array, left: Array, rng: np.random.Generator) -> Array:
    """Expected regret of the choice once labels have left a share of what is unknown.

    What labels reveal of the outcomes is, like the outcomes, a draw around their mean, of (1 − left) of the covariance;
    what stays hidden is another, independent draw of the rest:

        mean after  =  μ + √(1 − left) · (o − μ),    truth  =  mean after + √left · (o′ − μ).

    Args:
        outcomes: (R, m) joint draws; lower is better.
        left: (c,) shares in [0, 1].
        rng: pairs the draws.

    Returns:
        (c,) in the unit of the outcomes. Of left = 1 it is the expected regret of today's choice, of 0 it is 0.
    """
    mean = outcomes.mean(axis=0)
    away = outcomes - mean
    pairs = [away[rng.permutation(len(away))] for _ in range(PAIRINGS)]
    found = np.empty(len(left))
    for place, hidden in enumerate(left):
        seen = mean + np.sqrt(1.0 - hidden) * away
        chosen = seen.argmin(axis=1)[:, None]
        truths = (seen + np.sqrt(hidden) * other for other in pairs)
        found[place] = np.mean([np.mean(np.take_along_axis(t, chosen, axis=1)[:, 0] - t.min(axis=1)) for t in truths])
    return np.minimum.accumulate(found)


PAIRINGS = 8
"""Random pairings of what is seen with what stays hidden."""
