"""RetryPolicy: how long a stalled transfer or watch is retried, and the pauses in between."""

from __future__ import annotations

import time

from client.channel import TLS_HANDSHAKE
from predictor.errors import DeadlineError, LimitError, UnavailableError, W2SError

_FIRST_PAUSE, _LAST_PAUSE = 0.1, 5.0
_RETRYABLE = ("UPLOAD_OFFSET", "UPLOAD_CHECKSUM", "UPLOAD_INCOMPLETE", "DOWNLOAD_DAMAGED")
"""Reasons that disappear when the transfer resumes at the server's offset."""


class RetryPolicy:
    """Retries until `seconds` pass without progress; pauses grow from 0.1 s to 5 s."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._position = -1
        self._last_progress = time.monotonic()
        self._pause = _FIRST_PAUSE

    def reached(self, position: int) -> None:
        """Record a position; a new maximum counts as progress."""
        if position > self._position:
            self._position = position
            self.progressed()

    def progressed(self) -> None:
        """Record progress, which restarts the time and the pauses."""
        self._last_progress, self._pause = time.monotonic(), _FIRST_PAUSE

    def pause_after(self, error: W2SError) -> float:
        """Seconds to pause before the next attempt.

        Raises:
            W2SError: the given error, if a retry cannot help or the time is over.
        """
        if not _transient(error) or time.monotonic() - self._last_progress > self._seconds:
            raise error
        pause, self._pause = self._pause, min(_LAST_PAUSE, self._pause * 2)
        return pause


def _transient(error: W2SError) -> bool:
    busy = isinstance(error, LimitError) and error.reason.startswith("TOO_MANY")
    unreachable = isinstance(error, UnavailableError | DeadlineError) and error.reason != TLS_HANDSHAKE
    return busy or unreachable or error.reason in _RETRYABLE
