"""Memory: how much more this process may take."""

from __future__ import annotations

import os
from pathlib import Path

_CONTAINER = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Bytes that this process may still take, the less of machine and container; None where neither is known."""
    found = [size for size in (_machine(), _container()) if size is not None]
    return min(found) if found else None


def total_memory() -> int:
    """Bytes that this machine has, or its container may take where that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int((_CONTAINER / "memory.max").read_text()))
    except (OSError, ValueError):  # none, or "max"
        return machine


def _machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _container() -> int | None:
    try:
        limit, used = (_CONTAINER / "memory.max").read_text().strip(), int((_CONTAINER / "memory.current").read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used)
