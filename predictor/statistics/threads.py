"""Threads: how many this process may use, and work shared over them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import numpy as np  # noqa: F401  (loads the BLAS that is limited here)
from threadpoolctl import ThreadpoolController

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


def one_blas_thread() -> AbstractContextManager[object]:
    """NumPy's BLAS on one thread: two are slower on a busy machine, and their sums differ in the last digits."""
    limited: AbstractContextManager[object] = _blas().limit(limits=1)
    return limited


@functools.cache
def _blas() -> ThreadpoolController:
    """Found once a process, as that takes a millisecond: NumPy's own is loaded with this module."""
    return ThreadpoolController().select(user_api="blas")


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`function` of every item, in the order of the items, on as many threads as may be used.

    For array work, which releases the interpreter lock. Callers limit BLAS to one thread: cores are shared over items.
    """
    threads = usable_threads()
    if threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))
