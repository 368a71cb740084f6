"""Ahead: the next model read in a thread while one runs, at most one at a time and only where memory allows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

Thing = TypeVar("Thing")

SHARE = 0.5
"""Of the memory still free that a model loaded ahead may take."""


class Ahead(Generic[Thing]):
    """One thing made in a thread before it is asked for. Whatever goes wrong there shows where it is asked for."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._future: Future[Thing] | None = None

    def start(self, make: Callable[[], Thing]) -> None:
        """Begin unless something is under way."""
        if self._future is None:
            self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="w2s-ahead")
            self._future = self._pool.submit(make)

    def take(self) -> Thing | None:
        """What was begun, once it is ready; None where nothing was.

        Raises:
            Exception: what making it raised.
        """
        future, self._future = self._future, None
        return None if future is None else future.result()


def memory_left() -> int | None:
    """Bytes that this process may still take: the machine's, and its container's limit; None where neither is told."""
    found = [size for size in (_machine(), _container()) if size is not None]
    return min(found) if found else None


def _machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _container() -> int | None:
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = (folder / "memory.max").read_text().strip(), int((folder / "memory.current").read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used)
