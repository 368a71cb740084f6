"""Interceptors: errors become statuses, admission comes before parsing, parsing before serving."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.message import DecodeError

from predictor.errors import InputError, LimitError, UnauthenticatedError, W2SError
from protos import convert
from server.access.admission import Admission, BusyError
from server.access.audit import AuditLog
from server.access.authentication import Authenticator
from server.access.caller import known_caller, set_caller
from server.access.rates import Rates
from server.access.redaction import error_for
from server.access.scopes import OPEN, check_scope
from server.handlers import Handler, several, single, unread, wrapped
from server.telemetry.logs import log, log_error
from server.telemetry.metrics import Metrics
from server.telemetry.traces import CallTrace, Traces, set_traceparent

_OURS = "/w2s.v1."
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:-]{1,64}$")
_REFUSALS_PER_SECOND = 10.0
"""Lines a second, in the log and in the audit, about refusals of one tenant that asks too much; metrics count all."""

_MAX_TRACEPARENT = 128
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_Begun = tuple[float, CallTrace, str]
"""When a call began, its trace, and the address of its caller."""

_CODES = {code.name: code for code in grpc.StatusCode}


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Outermost: every error becomes a status, and one that is not a W2SError never shows its text.

    Every call is logged, audited and counted here, where its end is known.
    """

    def __init__(self, audit: AuditLog, metrics: Metrics, traces: Traces) -> None:
        self._audit = audit
        self._metrics = metrics
        self._traces = traces
        self._refusals = Rates(_REFUSALS_PER_SECOND)

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler]], details: Any) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(details)
        if handler is None or details.method in OPEN:
            return handler
        method, request_id, kind = details.method, _request_id(details.invocation_metadata), _kind(details.method)
        parent = _traceparent(details.invocation_metadata)

        def begin(context: Any) -> _Begun:
            peer = _address(context.peer())  # not later: asked after the caller has left, gRPC ends the process
            self._metrics.call_started(kind, method)
            trace = self._traces.call(method, parent, request_id)
            set_traceparent(trace.traceparent)
            return time.monotonic(), trace, peer

        def close(begun: _Begun, code: str) -> None:
            started, call, peer = begun
            spent, caller = time.monotonic() - started, known_caller()
            call.end(code)
            tenant = None if caller is None else caller.tenant
            self._metrics.call_ended(kind, method, code, spent)
            if code == "RESOURCE_EXHAUSTED" and self._refusals.take(tenant or ""):
                return
            log(
                "call",
                method=method,
                request_id=request_id,
                tenant=tenant,
                code=code,
                peer=peer,
                trace=_trace_id(call.traceparent or parent),
                milliseconds=round(spent * 1000, 1),
            )
            self._audit.call(method, caller, code, request_id, peer)

        async def fail(error: Exception, context: Any, started: _Begun) -> NoReturn:
            known = error if isinstance(error, W2SError) else _internal(error, method, request_id)
            caller = known_caller()
            known = error_for("" if caller is None else caller.tenant, known)
            close(started, known.code)
            if isinstance(known, LimitError):
                self._metrics.rejected(known.reason)
            await _abort(context, known, request_id)
            raise AssertionError("abort returned")

        async def unary(request: Any, context: Any) -> Any:
            started = begin(context)
            try:
                answer = await single(handler)(request, context)
            except grpc.aio.AbortError:
                raise
            except asyncio.CancelledError:
                close(started, "CANCELLED")
                raise
            except Exception as error:  # the boundary of the server
                await fail(error, context, started)
            close(started, "OK")
            return answer

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            started = begin(context)
            try:
                async for answer in several(handler)(request, context):
                    yield answer
            except grpc.aio.AbortError:
                raise
            except (asyncio.CancelledError, GeneratorExit):
                close(started, "CANCELLED")
                raise
            except Exception as error:  # the boundary of the server
                await fail(error, context, started)
            close(started, "OK")

        return wrapped(handler, unary, stream)


class AuthenticationInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Before admission: the caller is authenticated, has the scope of the method, and stays valid during the call."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler]], details: Any) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(details)
        if handler is None or details.method in OPEN:
            return handler
        try:
            record = self._authenticator.bearer(details.invocation_metadata)
        except UnauthenticatedError as error:
            return _refusing(handler, error)

        def admit(context: Any) -> None:
            caller = self._authenticator.caller(record, context)
            set_caller(caller)
            check_scope(caller, details.method)

        async def unary(request: Any, context: Any) -> Any:
            admit(context)
            async with self._authenticator.known(record):
                return await single(handler)(request, context)

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            admit(context)
            async with contextlib.aclosing(several(handler)(request, context)) as answers:
                while True:
                    async with self._authenticator.known(record):
                        try:
                            answer = await anext(answers)
                        except StopAsyncIteration:
                            return
                    yield answer

        return wrapped(handler, unary, stream)


class AdmissionInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Third: a refused call costs no parsing."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler]], details: Any) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(details)
        if handler is None or not details.method.startswith(_OURS):
            return handler

        def place() -> AbstractContextManager[None]:
            return self._admission.enter(details.method)

        async def unary(request: Any, context: Any) -> Any:
            with place():
                return await single(handler)(request, context)

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            with place():
                async for answer in several(handler)(request, context):
                    yield answer

        return wrapped(handler, unary, stream)


class ReadingInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Innermost: parses the message, so that a malformed one is the caller's error and not an internal one."""

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler]], details: Any) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(details)
        if handler is None or not details.method.startswith(_OURS):
            return handler

        def read(raw: Any) -> Any:
            return _parse_each(handler, raw) if handler.request_streaming else _parse(handler, raw)

        async def unary(raw: Any, context: Any) -> Any:
            return await single(handler)(read(raw), context)

        async def stream(raw: Any, context: Any) -> AsyncIterator[Any]:
            async for answer in several(handler)(read(raw), context):
                yield answer

        return wrapped(handler, unary, stream, raw=True)


async def _parse_each(handler: Handler, raw: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for one in raw:
        yield _parse(handler, one)


def _refusing(handler: Handler, error: W2SError) -> Handler:
    """A handler that answers with the error and reads nothing: unauthenticated peers must not fill our memory."""

    async def unary(request: Any, context: Any) -> Any:
        raise error

    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        yield await unary(request, context)

    return unread(handler, unary, stream)


def _kind(method: str) -> str:
    """As the metrics of gRPC name it; by the declaration, since a handler that refuses reads nothing of any kind."""
    declared = descriptor_pool.Default().FindMethodByName(method.strip("/").replace("/", "."))
    return {
        (False, False): "unary",
        (True, False): "client_stream",
        (False, True): "server_stream",
        (True, True): "bidi_stream",
    }[declared.client_streaming, declared.server_streaming]


def _parse(handler: Handler, raw: bytes) -> Any:
    try:
        return handler.request_deserializer(raw)
    except DecodeError as error:
        raise InputError(
            "the message cannot be parsed; generate the client from this server's .proto files.",
            reason="MALFORMED_MESSAGE",
        ) from error


def _internal(error: Exception, method: str, request_id: str) -> W2SError:
    log_error("internal_error", error, method=method, request_id=request_id)
    return W2SError(
        f"the server failed by a bug of its own; its log has more under request id {request_id}.", reason="INTERNAL"
    )


async def _abort(context: Any, error: W2SError, request_id: str) -> None:
    pause = error.retry_seconds if isinstance(error, BusyError) else None
    status = convert.error_to_status(error, retry_seconds=pause, request_id=request_id)
    trailers: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if pause is not None:
        trailers.append(("grpc-retry-pushback-ms", str(round(pause * 1000))))
    await context.abort(_CODES[error.code], status.message, tuple(trailers))


def _trace_id(traceparent: str) -> str | None:
    """The id of a trace, where the text is of the form of W3C Trace Context."""
    found = _TRACEPARENT.match(traceparent)
    return found[1] if found else None


def _address(peer: str) -> str:
    """The address of a peer without its port, as gRPC names it: `ipv4:10.0.0.1`, or `unix:`."""
    return peer.rpartition(":")[0] if peer.startswith("ip") else peer.partition(":")[0]


def _traceparent(metadata: Any) -> str:
    """The caller's span, where one is named once and shortly."""
    given = [value for key, value in metadata or () if key == "traceparent"]
    return given[0] if len(given) == 1 and isinstance(given[0], str) and len(given[0]) <= _MAX_TRACEPARENT else ""


def _request_id(metadata: Any) -> str:
    """The caller's `x-request-id` where it is plain, else a fresh one."""
    given = next((value for key, value in metadata or () if key == "x-request-id"), "")
    return given if isinstance(given, str) and _REQUEST_ID.match(given) else secrets.token_hex(8)
