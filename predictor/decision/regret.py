"""Regret of launching some of the candidates, from joint draws of their outcomes.

With L_i the loss of candidate i in one plausible world (lower is better), and after training those of a set S,

    regret(S)         =  E[ min_{i in S} L_i − min_j L_j ]
    p_contains_best(S) =  P( some i in S has the least loss ),  ties shared
    shortfall(i)      =  E[ (L_i − L_first)⁺ ]:  what taking i in place of the first choice may lose

The shortfall is large where the evidence cannot tell the two apart, and small only where their losses are close in
nearly every world. Raiffa, Schlaifer 1961, "Applied Statistical Decision Theory", chapter 5 (opportunity loss).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.statistics.arrays import Array


def expected_regret(losses: Array, chosen: Sequence[int]) -> float:
    """Of (R, m) losses, where the best of the chosen is kept after training; ≥ 0, 0 where all are chosen."""
    return float(np.mean(losses[:, list(chosen)].min(axis=1) - losses.min(axis=1)))


def p_contains_best(p_best: Array, chosen: Sequence[int]) -> float:
    """Sum of the (m,) probabilities of being the best, of which exactly one candidate is."""
    return float(min(1.0, p_best[list(chosen)].sum()))


def shortfalls(losses: Array, first: int) -> Array:
    """(m,) expected loss of each candidate where it is worse than the first choice, ≥ 0."""
    found: Array = np.mean(np.maximum(losses - losses[:, [first]], 0.0), axis=0)
    return found
