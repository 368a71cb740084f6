"""Spans: traces by OpenTelemetry. Imported only where they are asked for."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from server.telemetry.traces import CallTrace, JobTrace
from server.telemetry.versions import VERSION

_FAILING = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Statuses that are the server's own failing, by the conventions of OpenTelemetry for RPCs."""

_CARRIER = "traceparent"
_PROPAGATOR = TraceContextTextMapPropagator()


class Spans:
    """See `server.telemetry.traces.Traces`. Spans are sent in batches by a thread of its own."""

    def __init__(self, exporter: SpanExporter) -> None:
        resource = Resource.create({"service.name": "w2s", "service.version": VERSION})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("w2s.server", VERSION)

    def call(self, method: str, traceparent: str, request_id: str) -> CallTrace:
        """A span of kind SERVER under the caller's."""
        service, _, name = method.removeprefix("/").partition("/")
        about = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name, "w2s.request_id": request_id}
        span = self._tracer.start_span(f"{service}/{name}", _parent(traceparent), SpanKind.SERVER, about)
        return _Call(span)

    def job(self, name: str, traceparent: str, *, attempt: int, slot: int, created: float) -> JobTrace:
        """A span of kind CONSUMER under the call that made the job, with one below it for each phase."""
        about: dict[str, str | int] = {"w2s.job.id": name, "w2s.job.attempt": attempt, "w2s.slot": slot}
        parent = _parent(traceparent)
        if attempt == 1:
            self._tracer.start_span("job queued", parent, start_time=round(created * 1e9)).end()
        return _Job(self._tracer, self._tracer.start_span("job", parent, SpanKind.CONSUMER, about))

    def stop(self) -> None:
        """Send the remaining spans."""
        self._provider.shutdown()


class _Call:
    def __init__(self, span: Any) -> None:
        self._span = span
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(span))
        self.traceparent = carrier.get(_CARRIER, "")

    def end(self, code: str) -> None:
        """See CallTrace."""
        self._span.set_attribute("rpc.grpc.status", code)
        if code in _FAILING:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class _Job:
    def __init__(self, tracer: Any, span: Any) -> None:
        self._tracer = tracer
        self._span = span
        self._inside = set_span_in_context(span)
        self._phase: tuple[str, Any] | None = None

    def phase(self, name: str) -> None:
        """See JobTrace."""
        if self._phase is None or self._phase[0] != name:
            self._leave()
            self._phase = name, self._tracer.start_span(f"job {name}", self._inside)

    def end(self, state: str) -> None:
        """See JobTrace."""
        self._leave()
        self._span.set_attribute("w2s.job.state", state)
        if state == "FAILED":
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()

    def _leave(self) -> None:
        if self._phase is not None:
            self._phase[1].end()
            self._phase = None


def _parent(traceparent: str) -> Any:
    """The context of a remote span; a malformed one is none."""
    return _PROPAGATOR.extract({_CARRIER: traceparent})
