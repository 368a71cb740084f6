"""Patience: how long what stands still is tried again, and the pauses in between."""

from __future__ import annotations

import time

from client.channel import TLS_HANDSHAKE
from predictor.errors import DeadlineError, LimitError, UnavailableError, W2SError

_FIRST_PAUSE, _LAST_PAUSE = 0.1, 5.0
_AGAIN = ("UPLOAD_OFFSET", "UPLOAD_CHECKSUM", "UPLOAD_INCOMPLETE", "DOWNLOAD_DAMAGED")
"""Reasons that a transfer from where it stands puts right."""


class Patience:
    """Tries for `seconds` without progress, with pauses that grow."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._place = -1
        self._moved = time.monotonic()
        self._pause = _FIRST_PAUSE

    def note(self, place: int) -> None:
        """Remember how far it has come."""
        if place > self._place:
            self._place = place
            self.moved()

    def moved(self) -> None:
        """Remember that something came."""
        self._moved, self._pause = time.monotonic(), _FIRST_PAUSE

    def after(self, error: W2SError) -> float:
        """Seconds to pause before the next attempt.

        Raises:
            W2SError: the fault itself, where trying again does not help or the time is over.
        """
        if not _passing(error) or time.monotonic() - self._moved > self._seconds:
            raise error
        pause, self._pause = self._pause, min(_LAST_PAUSE, self._pause * 2)
        return pause


def _passing(error: W2SError) -> bool:
    crowded = isinstance(error, LimitError) and error.reason.startswith("TOO_MANY")
    away = isinstance(error, UnavailableError | DeadlineError) and error.reason != TLS_HANDSHAKE
    return crowded or away or error.reason in _AGAIN
