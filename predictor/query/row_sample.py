"""Drawn: the rows of a larger pool that a query is about, for feature sets that are stored on another machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows drawn from a pool.

    Attributes:
        rows: (n,) int64, their numbers in it, ascending, from 0.
        of: rows of the larger pool.
        rows_sha256: `predictor.store.arrays.rows_digest` of the larger pool; None where it has no texts.

    Raises:
        InputError: numbers that are not ascending, or outside the pool.
    """

    rows: NDArray[np.int64]
    of: int
    rows_sha256: str | None = None

    def __post_init__(self) -> None:
        ascending = self.rows.ndim == 1 and bool(np.all(np.diff(self.rows) > 0))
        if not ascending or not len(self.rows) or self.rows[0] < 0 or self.rows[-1] >= self.of:
            raise InputError(
                f"the rows drawn are not {self.rows.size} ascending row numbers below {self.of}; give each row once.",
                reason="BAD_ROWS",
                field="drawn",
            )
