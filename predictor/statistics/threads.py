"""Threads: how many this process may use, and work shared over them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_threads() -> int:
    """`OMP_NUM_THREADS` where set, else the cores this process is bound to, capped by its container's CPU quota.

    Libraries count the machine's cores instead, and a box that shares two of sixty-four then runs many times slower.
    """
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdigit() and int(named) > 0:
        return int(named)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _quota() or cores))


def _quota() -> int | None:
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(1, round(int(limit) / int(period)))


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`function` of every item, in the order of the items, on as many threads as may be used.

    For array work, which releases the interpreter lock. Callers limit BLAS to one thread: cores are shared over items.
    """
    threads = usable_threads()
    if threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))
