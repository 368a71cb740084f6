"""Tracing: the caller's trace goes along with every call, where the caller traces at all."""

from __future__ import annotations

import sys


def trace_headers() -> tuple[tuple[str, str], ...]:
    """`traceparent` and its like for the current span; nothing where this process has not loaded OpenTelemetry."""
    if "opentelemetry.trace" not in sys.modules:
        return ()
    import opentelemetry.propagate as propagate

    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return tuple((name.lower(), value) for name, value in carrier.items())
