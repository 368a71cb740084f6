"""DiskReserve: a file that is given up on a full disk, so that deletions, which have to be written, still succeed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_BYTES = 1 << 20
"""A deletion writes the overwritten pages of the job to the log of the database."""


class DiskReserve:
    """One file of a megabyte beside the jobs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self) -> None:
        """Take the space, if there is room for it several times over."""
        with contextlib.suppress(OSError):  # tried again later
            free = os.statvfs(self._path.parent)
            if self._path.exists() or free.f_bavail * free.f_frsize < 4 * _BYTES:
                return
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                os.posix_fallocate(file.fileno(), 0, _BYTES)

    def release(self) -> None:
        """Give the space up."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
