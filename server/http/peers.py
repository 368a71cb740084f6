"""Peers: what an HTTP request says of its sender, as a call over gRPC would."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request

from server.http.calls import Peer

CERTIFICATE = "w2s.certificate"
"""Key of a connection's scope under which the names in its client certificate are."""

_FORWARDED = ("authorization", "x-request-id", "traceparent")


def peer_of(request: Request, metadata: tuple[tuple[str, str], ...] | None = None) -> Peer:
    """The sender of a request; `metadata` replaces what its headers give."""
    given = tuple((name, value) for name, value in request.headers.items() if name in _FORWARDED)
    names = tuple(request.scope.get(CERTIFICATE, ()))
    return Peer(_address(request), names, given if metadata is None else metadata)


def _address(request: Request) -> str:
    if request.client is None:
        return "unknown:"
    host, port = request.client
    try:
        six = ipaddress.ip_address(host).version == 6
    except ValueError:
        return "unknown:"
    return f"ipv6:[{host}]:{port}" if six else f"ipv4:{host}:{port}"
