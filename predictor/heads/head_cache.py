"""HeadCache: the ridge heads of one model that were asked for last, so that estimators share them."""

from __future__ import annotations

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge

LIMIT = 128 << 20
"""Bytes of heads that are cached of one model at most."""


class HeadCache:
    """Heads of one model on sets of rows; the oldest go where all together are larger than a limit."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._heads: dict[tuple[bytes, bytes], FactoredRidge] = {}
        self._lock = Lock()  # threads that want the same head wait for the one that factors it

    def of(
        self, features: NDArray[np.floating], train: NDArray[np.integer], other: NDArray[np.integer]
    ) -> FactoredRidge:
        """The head trained on some rows of (n, d) features and carried over to others, factored where it is not cached.

        Args:
            features: the same at every call.
        """
        key = (train.tobytes(), other.tobytes())
        with self._lock:
            found = self._heads.pop(key, None)
            if found is None:
                found = FactoredRidge.of(features[train], features[other])
            self._heads[key] = found  # last: it was asked for last
            while len(self._heads) > 1 and sum(head.nbytes for head in self._heads.values()) > self._limit:
                del self._heads[next(iter(self._heads))]
        return found
