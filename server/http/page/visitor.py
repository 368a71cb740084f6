"""Visitor: one request of a browser, with the token of its cookie, and the calls that are made in its name."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import Message
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from predictor.errors import ForbiddenError
from server.http.body import Body
from server.http.calls import Calls, Peer
from server.http.peers import peer_of

FORM_FIELD = "form"
_FORM_SECONDS = 30.0
_MAX_FIELDS = 64


@dataclass(frozen=True)
class Visitor:
    """A browser that sent a request.

    Attributes:
        request: what it sent.
        calls: the services' methods.
        token: to be taken in place of the cookie's.
    """

    request: Request
    calls: Calls
    token: str | None = None

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.request.url.scheme == "https"

    @property
    def peer(self) -> Peer:
        """As whom calls are made: with the token of the cookie, never with a header of the request."""
        token = self.request.cookies.get(self._name("token"), "") if self.token is None else self.token
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        return peer_of(self.request, metadata)

    @property
    def signed_in(self) -> bool:
        """Whether the browser has a token, which need not be valid any more."""
        return bool(self.request.cookies.get(self._name("token")))

    def with_token(self, token: str) -> Visitor:
        """The same browser with another token."""
        return replace(self, token=token)

    async def ask(self, service: str, method: str, message: Message) -> Any:
        """The answer to a call.

        Raises:
            CallError: the call ended with another status than OK.
        """

        async def read() -> Message:
            return message

        return await self.calls.single(f"/w2s.v1.{service}/{method}", read, self.peer)

    def form_token(self) -> str:
        """What a form of this browser has to send back: the value of a cookie that only this server's pages know."""
        return self.request.cookies.get(self._name("form")) or secrets.token_urlsafe(24)

    def keep(self, response: Response, name: str, value: str) -> None:
        """Store a cookie that scripts cannot read and other sites cannot have sent."""
        response.set_cookie(self._name(name), value, httponly=True, samesite="strict", secure=self.secure, path="/")

    def forget(self, response: Response, name: str) -> None:
        """Delete a cookie."""
        response.delete_cookie(self._name(name), httponly=True, samesite="strict", secure=self.secure, path="/")

    async def form(self, max_bytes: int) -> FormData:
        """The fields of a form that was sent, read within a size.

        Raises:
            ForbiddenError: the form is not of a page that this browser got from this server.
            LimitError, DeadlineError: see `Body`.
        """
        raw = await Body(self.request, max_bytes, _FORM_SECONDS).whole()

        async def replay() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        again = Request(self.request.scope, replay)
        found = await again.form(max_files=1, max_fields=_MAX_FIELDS, max_part_size=max_bytes)
        expected = self.request.cookies.get(self._name("form"), "")
        given = found.get(FORM_FIELD)
        if not expected or not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
            raise ForbiddenError(
                "this form is not from a page of this browser, or cookies are off; load the page again and send it "
                "once more.",
                reason="FORM_TOKEN",
            )
        return found

    def _name(self, name: str) -> str:
        """Of a cookie; browsers bind the prefix to encrypted connections and to this host."""
        return f"__Host-w2s-{name}" if self.secure else f"w2s-{name}"
