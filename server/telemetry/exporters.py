"""Exporters: where spans are sent. OpenTelemetry is imported only where spans are asked for."""

from __future__ import annotations

import sys

from predictor.errors import InputError
from server.telemetry.traces import Traces, Untraced

KINDS = ("none", "otlp", "console")
"""Where spans go: nowhere, to the collector that OTEL_EXPORTER_OTLP_* names, or to stderr."""


def make_traces(kind: str) -> Traces:
    """Traces of a kind of `KINDS`.

    Raises:
        InputError: another kind, or its packages are not installed.
    """
    if kind == "none":
        return Untraced()
    if kind not in KINDS:
        raise InputError(
            f"traces are {kind!r}; they must be one of {', '.join(KINDS)}.", reason="BAD_TRACES", field="traces"
        )
    try:
        return _console() if kind == "console" else _otlp()
    except ModuleNotFoundError as error:
        raise InputError(
            f"traces need {error.name}, which is not installed here: pip install 'w2s-predictor[telemetry]'.",
            reason="MISSING_PACKAGE",
            field="traces",
        ) from error


def _console() -> Traces:
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    from server.telemetry.spans import Spans

    return Spans(ConsoleSpanExporter(out=sys.stderr, formatter=lambda span: span.to_json(indent=None) + "\n"))


def _otlp() -> Traces:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    from server.telemetry.spans import Spans

    return Spans(OTLPSpanExporter())
