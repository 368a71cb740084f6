"""SteadyClock: the time since the start of the server, which a change of the system's clock does not move."""

from __future__ import annotations

import time
from collections.abc import Callable


class SteadyClock:
    """Wall time at the start plus the monotonic time since.

    Args:
        wall: seconds since 1970, read once.
        monotonic: seconds that only grow.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._offset + self._monotonic()
