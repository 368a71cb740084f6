"""StateLock: one server on one state folder, or several that share their jobs."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from predictor.errors import RefusedError, UnavailableError


class StateLock:
    """Holds a state folder for this process; the system lets go of it however the process ends.

    Args:
        folder: of the state.
        shared: whether the jobs are in a database, so that other such servers may use the folder too.
    """

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        self._folder = folder
        self._kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._handle: int | None = None

    def __enter__(self) -> StateLock:
        """Make the folder, private to the user, and take it.

        Raises:
            RefusedError: another server has locked it.
            UnavailableError: the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(
                f"state folder {str(self._folder)!r} cannot be written ({error.strerror}); name another with "
                "--state-dir or W2S_STATE_DIR.",
                reason="STORAGE_UNWRITABLE",
            ) from error
        try:
            fcntl.flock(handle, self._kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise RefusedError(
                f"another server already uses state folder {str(self._folder)!r}; stop it, or give this one "
                "its own with --state-dir or W2S_STATE_DIR. Several servers share one queue with --database "
                "postgresql://… on each.",
                reason="STATE_LOCKED",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        self._handle = handle
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def holder(folder: Path) -> int:
    """Process id of the server that took a state folder last; 0 where none is known."""
    try:
        return int((folder / "server.lock").read_text())
    except (OSError, ValueError):
        return 0
