"""Traces: the interface through which calls and jobs are traced. No tracing package is imported here."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

_CURRENT: ContextVar[str] = ContextVar("w2s_traceparent", default="")


class CallTrace(Protocol):
    """One call, from its first message to its last."""

    traceparent: str

    def end(self, code: str) -> None:
        """It ended, with the name of a status."""


class JobTrace(Protocol):
    """One attempt at a job."""

    def phase(self, name: str) -> None:
        """It entered a phase, or goes on with it."""

    def end(self, state: str) -> None:
        """It ended, with the state that the job has then."""


class Traces(Protocol):
    """Makes spans. Attributes are methods, codes, states, phases, numbers and ids, never what a caller sent."""

    def call(self, method: str, traceparent: str, request_id: str) -> CallTrace:
        """A call began; `traceparent` is its caller's, or ""."""

    def job(self, name: str, traceparent: str, *, attempt: int, slot: int, created: float) -> JobTrace:
        """An attempt at a job began; `created` is when the job was stored, in seconds since 1970."""

    def stop(self) -> None:
        """Send the remaining spans; may take seconds."""


class Untraced:
    """No traces: every method does nothing."""

    traceparent = ""

    def call(self, method: str, traceparent: str, request_id: str) -> CallTrace:
        """Nothing."""
        return self

    def job(self, name: str, traceparent: str, *, attempt: int, slot: int, created: float) -> JobTrace:
        """Nothing."""
        return self

    def phase(self, name: str) -> None:
        """Nothing."""

    def end(self, code: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


def current_traceparent() -> str:
    """The `traceparent` of the call that is being served; "" without traces."""
    return _CURRENT.get()


def set_traceparent(text: str) -> None:
    """Set the span of this call, for the rest of it."""
    _CURRENT.set(text)
