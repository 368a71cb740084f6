"""Guard: what is refused before any call, and the headers of every answer.

A web page that a user of this machine looks at could send requests to 127.0.0.1. So a server that asks for no
credentials answers to the names of this machine only, and no server answers a page of another origin.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from predictor.errors import ForbiddenError, W2SError
from server.access.address import is_loopback
from server.http.statuses import error_response
from server.telemetry.logs import log_error

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # `no-referrer` would make browsers hide the origin of our own forms
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Outermost application.

    Args:
        inner: what answers.
        local: whether callers have no credentials, so that only names of this machine are answered.
        encrypted: whether connections are, so that browsers are told to stay with that.
    """

    def __init__(self, inner: Application, *, local: bool, encrypted: bool) -> None:
        self._inner = inner
        self._local = local
        self._headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if encrypted else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return
        started = False

        async def guarded(message: Any) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                headers.setdefault("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
            await send(message)

        try:
            self._check(Headers(scope=scope), scope["method"])
            await self._inner(scope, receive, guarded)
        except W2SError as error:
            await error_response(error)(scope, receive, guarded)
        except Exception as error:  # the boundary of the server
            name = secrets.token_hex(8)
            log_error("internal_error", error, method="http", request_id=name)
            if started:
                raise
            told = W2SError(f"the server failed by a bug of its own; its log has {name}.", reason="INTERNAL")
            await error_response(told)(scope, receive, guarded)

    def _check(self, headers: Headers, verb: str) -> None:
        """Let a request pass that no foreign page sent.

        Raises:
            ForbiddenError: it names another machine, or comes from another origin.
        """
        host = headers.get("host", "")
        if self._local and not is_loopback(_name(host)):
            raise ForbiddenError(
                "this server has no credentials and answers to the names of this machine only: use 127.0.0.1 or "
                "localhost, or start it with --tokens.",
                reason="OTHER_HOST",
            )
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin is None and verb == "GET" and headers.get("sec-fetch-mode") == "navigate":
            return  # a link from elsewhere; the answer cannot be framed, and changes nothing
        if site not in ("none", "same-origin") or (origin is not None and origin.partition("://")[2] != host):
            raise ForbiddenError("requests of pages of another origin are refused.", reason="OTHER_ORIGIN")


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return "" if "@" in host else urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
