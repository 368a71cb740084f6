"""Memory: how much more this process may take."""

from __future__ import annotations

from pathlib import Path


def free_memory() -> int | None:
    """Bytes that this process may still take, the less of machine and container; None where neither is known."""
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
