"""Default costs: forward passes over parameters and rows.

Labelling a row costs the candidate one forward pass over its parameters. Training the student on a row costs a forward
and a backward pass, three times a forward pass (Kaplan and others 2020, arXiv:2001.08361, section 2.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.statistics.arrays import Array

TRAINING = 3.0
"""Forward passes that training on a row costs."""


def default_costs(candidates: Sequence[int | None], strong: int | None, rows: int) -> Array | None:
    """(m,) parameters × rows of labelling the rows and training the student once; None where a size is not known."""
    if strong is None or any(one is None for one in candidates):
        return None
    labelling = np.array([one for one in candidates if one is not None], dtype=np.float64)
    found: Array = (labelling + TRAINING * strong) * rows
    return found
