"""Rates: how many calls a second each tenant may make."""

from __future__ import annotations

import time
from collections.abc import Callable


class Rates:
    """A bucket of one second's calls for each tenant, filled evenly.

    Args:
        per_second: calls; 0 for no limit.
        clock: seconds from any start.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._max = max(1.0, per_second)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, tenant: str) -> float:
        """Take one call; returns 0, or where there is none the seconds until there is."""
        if not self._per_second:
            return 0.0
        now = self._clock()
        level, filled = self._buckets.get(tenant, (self._max, now))
        level = min(self._max, level + (now - filled) * self._per_second)
        if level < 1:
            self._buckets[tenant] = (level, now)
            return (1 - level) / self._per_second
        self._buckets[tenant] = (level - 1, now)
        return 0.0
