"""AuditLog: who changed what and who was refused, as JSON lines. No text, name, path, token or message of a caller."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

from predictor.errors import UnavailableError
from server.access.caller import Caller
from server.access.rates import Rates
from server.access.scopes import NEEDED
from server.telemetry.logs import log_error

_CHANGING = frozenset(method for method, scope in NEEDED.items() if scope != "read")
_UNKNOWN_PER_SECOND = 10.0
"""Lines a second about unauthenticated callers, which must not be able to fill the disk. Metrics count all of them."""

_REFUSALS = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"})


class AuditLog:
    """Appends to a file, opened for each line so that it can be moved away at any time; None for no audit.

    Raises:
        UnavailableError: the file cannot be written at the start.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._torn = False
        self._unknowns = Rates(_UNKNOWN_PER_SECOND)
        try:
            self._append("")
        except OSError as error:
            raise UnavailableError(
                f"audit log {str(path)!r} cannot be written ({error.strerror}); name another with --audit-log.",
                reason="AUDIT_UNWRITABLE",
                field="audit_log",
            ) from error

    def event(self, name: str, **fields: str | int) -> None:
        """Write what the server itself did."""
        self._write({"event": name, **fields})

    def call(self, method: str, caller: Caller | None, code: str, request_id: str, peer: str) -> None:
        """Write one call, if it changes something or was refused."""
        if caller is None and self._unknowns.take("") > 0:
            return
        if method in _CHANGING or code in _REFUSALS:
            self._write(
                {
                    "event": "call",
                    "method": method,
                    "code": code,
                    "tenant": None if caller is None else caller.tenant,
                    "credential": None if caller is None else caller.credential,
                    "job": None if caller is None else caller.job,
                    "request_id": request_id,
                    "peer": peer,
                }
            )

    def _write(self, fields: dict[str, str | int | None]) -> None:
        line = {"time": round(time.time(), 3), **fields}
        try:
            self._append(json.dumps(line, ensure_ascii=True) + "\n")
        except OSError as error:  # a full disk must not end the service; the plain log records that lines are missing
            log_error("audit_failed", error)

    def _append(self, text: str) -> None:
        if self._path is None:
            return
        line = ("\n" if self._torn else "") + text  # half a line spoils itself, and not the one after it
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            written = os.write(handle, line.encode())
        finally:
            os.close(handle)
        self._torn = written < len(line.encode())
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
