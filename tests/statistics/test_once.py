"""once: computed once an object, and no object waits for another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from predictor.statistics.once import once


class Pair:
    """An object whose value waits until the other's is being computed, too."""

    def __init__(self, both: threading.Barrier) -> None:
        self._both = both
        self.asked = 0

    @once
    def value(self) -> int:
        """One."""
        self.asked += 1
        self._both.wait(timeout=120)
        return 1


def test_objects_do_not_wait() -> None:
    """Values of two objects are computed at the same time, each once, and the class gives the property itself."""
    pair = [Pair(both := threading.Barrier(2)), Pair(both)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda one: one.value, pair)) == [1, 1]
    assert [one.value for one in pair] == [1, 1]
    assert [one.asked for one in pair] == [1, 1]
    assert isinstance(Pair.value, once)
    assert Pair.value.__doc__ == "One."
