"""Statuses: google.rpc.Status as an answer over HTTP."""

from __future__ import annotations

import math
from collections.abc import Mapping

from google.protobuf import json_format
from google.rpc import code_pb2, status_pb2
from starlette.responses import Response

from predictor.errors import W2SError
from protos import convert

CODES = {
    "OK": 200,
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Status of HTTP by name of the canonical code, as google/rpc/code.proto gives them."""

JSON = "application/json"


SPECIFIC = {"OVER_LIMIT": 413, "NO_SUCH_PATH": 404, "METHOD_NOT_ALLOWED": 405, "NOT_JSON": 415}
"""Status of HTTP by reason, where it says more than that of the code."""


def status_response(status: status_pb2.Status, headers: Mapping[str, str] | None = None) -> Response:
    """The status as JSON, with the headers that HTTP has for it."""
    code = code_pb2.Code.Name(status.code)
    added = dict(headers or {})
    pause = convert.retry_seconds(status)
    if pause is not None:
        added["retry-after"] = str(math.ceil(pause))
    if code == "UNAUTHENTICATED":
        added["www-authenticate"] = 'Bearer realm="w2s"'
    return Response(status_json(status), number_of(convert.error_from_status(status)), added, media_type=JSON)


def number_of(error: W2SError) -> int:
    """The status of HTTP of an error."""
    return SPECIFIC.get(error.reason) or CODES.get(error.code, 500)


def error_response(error: W2SError, headers: Mapping[str, str] | None = None) -> Response:
    """An error that no call met, such as an unknown path."""
    return status_response(convert.error_to_status(error), headers)


def status_json(status: status_pb2.Status) -> bytes:
    """The status in proto3 JSON."""
    text: str = json_format.MessageToJson(status, indent=None)
    return text.encode() + b"\n"
