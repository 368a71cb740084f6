"""Errors: W2SError to and from google.rpc.Status, within what response headers can carry."""

from __future__ import annotations

import math

from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2, error_details_pb2, status_pb2

from predictor.errors import (
    CancelledError,
    ConflictError,
    DeadlineError,
    ForbiddenError,
    InputError,
    LimitError,
    NotFoundError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
    W2SError,
)
from protos.w2s.v1 import ranking_service_pb2 as pb

DOMAIN = "w2s"
MAX_BYTES = 4096
"""Every status fits in this, details included; longer texts are cut."""

_MESSAGE_BYTES = 1800
_FIELD_BYTES = 300
_REASON_BYTES = 63
_KINDS: dict[str, type[W2SError]] = {
    kind.code: kind
    for kind in (
        InputError,
        NotFoundError,
        RefusedError,
        LimitError,
        UnavailableError,
        CancelledError,
        DeadlineError,
        ConflictError,
        UnauthenticatedError,
        ForbiddenError,
    )
}


def error_to_status(
    error: W2SError, *, retry_seconds: float | None = None, request_id: str | None = None
) -> status_pb2.Status:
    """The error as a status of at most 4 KB.

    Args:
        error: what went wrong.
        retry_seconds: when a repetition may succeed; None where it will not.
        request_id: the call's name in the server's log, or None.

    Returns:
        Status with ErrorInfo (reason, domain `w2s`), BadRequest where a field is wrong, RetryInfo where repeating
        helps, RequestInfo where the call has a name.
    """
    message = _cut(error.message, _MESSAGE_BYTES)
    status = status_pb2.Status(code=code_pb2.Code.Value(error.code), message=message)
    _attach(status, error_details_pb2.ErrorInfo(reason=_cut(error.reason, _REASON_BYTES), domain=DOMAIN))
    if error.field is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_cut(error.field, _FIELD_BYTES), description=_cut(error.message, _FIELD_BYTES)
        )
        _attach(status, error_details_pb2.BadRequest(field_violations=[violation]))
    if retry_seconds is not None:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromMilliseconds(math.ceil(retry_seconds * 1000))
        _attach(status, info)
    if request_id is not None:
        _attach(status, error_details_pb2.RequestInfo(request_id=request_id))
    return status


def error_from_status(status: status_pb2.Status) -> W2SError:
    """The error of a status, of the same class as the one that was raised.

    A status without our ErrorInfo (from a proxy, or from gRPC itself) takes its canonical name as the reason.
    """
    code = code_pb2.Code.Name(status.code) if status.code in code_pb2.Code.values() else "UNKNOWN"
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    reason, field = code, None
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
            if info.domain == DOMAIN:
                reason = info.reason
        elif detail.Is(request.DESCRIPTOR):
            detail.Unpack(request)
            field = next((violation.field for violation in request.field_violations), None)
    return _KINDS.get(code, W2SError)(status.message, reason=reason, field=field)


def retry_seconds(status: status_pb2.Status) -> float | None:
    """Seconds after which a repetition may succeed, by the server, or None."""
    info = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
            return float(info.retry_delay.ToMilliseconds()) / 1000
    return None


def error_to_proto(error: W2SError) -> pb.JobError:
    """The error as it is stored with a job."""
    return pb.JobError(code=error.code, reason=error.reason, message=error.message, field=error.field)


def error_from_proto(message: pb.JobError) -> W2SError:
    """The error of a job."""
    field = message.field if message.HasField("field") else None
    return _KINDS.get(message.code, W2SError)(message.message, reason=message.reason, field=field)


def _attach(status: status_pb2.Status, detail: object) -> None:
    packed = AnyMessage()
    packed.Pack(detail)  # type: ignore[arg-type]  # google.rpc has no stubs; every detail is a Message
    status.details.append(packed)


def _cut(text: str, max_bytes: int) -> str:
    """The text, shortened to `max_bytes` bytes of UTF-8 without splitting a character; lone surrogates become `?`."""
    raw = text.encode("utf-8", "replace")
    return raw.decode() if len(raw) <= max_bytes else raw[: max_bytes - 3].decode("utf-8", "ignore") + "…"
