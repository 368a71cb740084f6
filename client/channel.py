"""Channel: one connection to a server, with deadlines, retries and pings; errors have the server's class."""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import grpc
from google.rpc import code_pb2, status_pb2

from client.credentials import Credentials
from predictor.errors import DeadlineError, InputError, LimitError, UnavailableError, W2SError
from protos import convert

MAX_MESSAGE_BYTES = 4 << 20
"""The largest message to send, unless the caller sets another limit."""

MAX_ANSWER_BYTES = 64 << 20
"""The largest message to take: rankings of thousands of candidates."""

SILENT_MS = 30_000
"""A connection on which nothing came for so long is pinged while a call is open."""

ANSWER_MS = 10_000
"""It is given up where the ping is not answered within this time."""

TLS_HANDSHAKE = "TLS_HANDSHAKE"
"""Reason of a connection whose two sides do not trust or understand one another: no repetition helps."""

_CHUNK_BYTES = 2 << 20
"""More than any chunk of an upload takes."""

_DETAILS = "grpc-status-details-bin"
_HANDSHAKES = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate comes from no authority that is trusted here; name the PEM file of "
    "its authority with --ca",
    "Hostname Verification Check failed": "its certificate is for another name; call it by a name in its certificate",
    "WRONG_VERSION_NUMBER": "it speaks no TLS; leave --ca, --cert and --key out, or ask its operator",
    "Failed to create security handshaker": "the certificates given here cannot be used; --ca, --cert and --key take "
    "PEM files, the key without a password and of that certificate",
}
"""gRPC's message about a handshake -> the cause, and the next step."""

_CLOSED = "Socket closed"
"""All that is known where a server hangs up: one that wants TLS or a client certificate, or one that just ended."""

_BROKEN = "Internal error from Core"
"""grpc.aio's message, as INTERNAL, where a connection broke off in the middle of sending; no server sends it."""


def open_channel(target: str, max_message_bytes: int, credentials: Credentials, kind: Any = grpc) -> Any:
    """A channel to `HOST:PORT` or `unix:/path`.

    Args:
        target: where the server is.
        max_message_bytes: largest message to send.
        credentials: what to show, and what to demand.
        kind: `grpc`, or `grpc.aio` for a channel of the running event loop.

    Raises:
        InputError: neither of them, or credentials that do not fit together.
        RefusedError: a token would travel in plaintext to another machine.
    """
    if not isinstance(target, str) or not (
        target.startswith("unix:") or ("://" not in target and target.rpartition(":")[2].isdigit())
    ):
        raise InputError(
            f"server {target!r} is neither HOST:PORT nor unix:/path; give one, such as localhost:50051.",
            reason="BAD_ADDRESS",
            field="server",
        )
    options = [
        ("grpc.service_config", _service_config()),
        ("grpc.per_rpc_retry_buffer_size", max_message_bytes),
        ("grpc.max_send_message_length", max(max_message_bytes, _CHUNK_BYTES)),
        ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
        ("grpc.keepalive_time_ms", SILENT_MS),
        ("grpc.keepalive_timeout_ms", ANSWER_MS),
        ("grpc.http2.ping_timeout_ms", ANSWER_MS),  # else a minute, also with the line above
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_reconnect_backoff_ms", 5_000),
    ]
    loopback = is_loopback(target)
    if loopback:
        options.append(("grpc.enable_http_proxy", 0))
    if credentials.uses_tls(loopback=loopback):
        return kind.secure_channel(target, credentials.channel_credentials(), options=options)
    return kind.insecure_channel(target, options=options)


def _service_config() -> str:
    """The published service config without its timeouts: callers of this client choose their own, longer ones too."""
    config = json.loads(files("protos").joinpath("service_config.json").read_text(encoding="utf-8"))
    for method in config["methodConfig"]:
        method.pop("timeout", None)
    return json.dumps(config)


def check_deadlines(timeout: float, reconnect_seconds: float) -> None:
    """Refuse a deadline of calls that no call could meet or that never ends, and a negative time to reconnect in.

    Raises:
        InputError: either is no such number; `reconnect_seconds` may be 0, to give up at once, and infinite.
    """
    numbers = {"timeout": timeout, "reconnect_seconds": reconnect_seconds}
    for name, value in numbers.items():
        fits = isinstance(value, (int, float)) and value >= 0.0
        if not fits or (name == "timeout" and value in (0.0, math.inf)):
            raise InputError(
                f"{name} is {value!r}; give a number of seconds, such as 60.", reason="OUT_OF_RANGE", field=name
            )


def is_loopback(target: str) -> bool:
    """Whether the target is on this machine, where no proxy belongs in between."""
    host = target.rpartition(":")[0].strip("[]")
    if target.startswith("unix:") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def errors_of(target: str, seconds: float) -> Iterator[None]:
    """Turn what a call raises into the W2SError that the server raised, or into the one of a failed connection."""
    try:
        yield
    except grpc.RpcError as error:
        raise _error_of(error, target, seconds) from None


def _error_of(call: Any, target: str, seconds: float) -> W2SError:
    details = next((value for key, value in call.trailing_metadata() or () if key == _DETAILS), None)
    if details is not None:
        error = convert.error_from_status(status_pb2.Status.FromString(details))
        field = None if error.field is None else convert.field_of(error.field)  # as the same error in this process
        return type(error)(error.message, reason=error.reason, field=field)
    code, text = call.code(), call.details()
    handshake = next((advice for sign, advice in _HANDSHAKES.items() if sign in (text or "")), None)
    if handshake is not None:
        return UnavailableError(f"the server at {target} was not reached: {handshake}.", reason=TLS_HANDSHAKE)
    if code is grpc.StatusCode.UNAVAILABLE and _CLOSED in (text or ""):
        return UnavailableError(
            f"no server answers at {target}: it closed the connection. Give --ca where it serves TLS, and --cert and "
            "--key where it asks for certificates; or it has just been stopped.",
            reason="SERVER_UNAVAILABLE",
        )
    if code is grpc.StatusCode.INTERNAL and text == _BROKEN:
        return UnavailableError(
            f"the connection to {target} broke off; ask again, or see whether its server still runs.",
            reason="SERVER_UNAVAILABLE",
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        return UnavailableError(
            f"no server answers at {target} ({text}); start one with `w2s serve`, or name another with --server.",
            reason="SERVER_UNAVAILABLE",
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineError(
            f"the server at {target} did not answer within {seconds:g} s; ask again, or give the call more time.",
            reason="DEADLINE_EXCEEDED",
        )
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return LimitError(f"the message is larger than the server at {target} takes ({text}).", reason="OVER_LIMIT")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return W2SError(
            f"what answers at {target} does not know this call ({text}); is it a w2s server of this version?",
            reason="UNIMPLEMENTED",
        )
    number = code_pb2.Code.Value(code.name) if code is not None else code_pb2.UNKNOWN
    return convert.error_from_status(status_pb2.Status(code=number, message=text or f"{target} gave no reason"))
