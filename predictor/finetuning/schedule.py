"""Schedule: the rows and the learning rate of each step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]

WARM_UP = 0.1
"""Share of the steps over which the rate rises."""

POOLED_BATCHES = 8
"""Batches drawn together and sorted by length: little padding, while the order does not depend on length."""


def batches(lengths: NDArray[np.integer], batch_rows: int, epochs: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Row numbers of one step after the other; every row once an epoch.

    Args:
        lengths: (n,) tokens per row.
    """
    for _ in range(epochs):
        order = rng.permutation(len(lengths))
        parts: list[Rows] = []
        for start in range(0, len(order), batch_rows * POOLED_BATCHES):
            drawn = order[start : start + batch_rows * POOLED_BATCHES]
            drawn = drawn[np.argsort(lengths[drawn], kind="stable")]
            parts.extend(drawn[i : i + batch_rows] for i in range(0, len(drawn), batch_rows))
        yield from (parts[i] for i in rng.permutation(len(parts)))


def steps_of(rows: int, batch_rows: int, epochs: int) -> int:
    """How many steps `batches` yields."""
    return epochs * -(-rows // batch_rows)


def rate_at(step: int, steps: int) -> float:
    """Share of the full learning rate at a step counted from 0: up over the first tenth, then down to 0, linearly."""
    rising = max(1, round(WARM_UP * steps))
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)
