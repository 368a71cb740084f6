"""Connection: uvicorn's protocol of HTTP/1.1, with the names in client certificates and a time to send a request in."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from server.http.peers import CERTIFICATE

KEEP_ALIVE_SECONDS = 30
"""Time that a connection stays open after an answer, for the next request."""


def connection_class(head_seconds: float) -> type[asyncio.Protocol]:
    """Connections that are closed where the head of a request takes longer than `head_seconds`."""

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
            super().connection_made(transport)
            names = _names(transport.get_extra_info("peercert"))
            inner = self.app

            async def named(scope: Any, receive: Any, send: Any) -> None:
                await inner({**scope, CERTIFICATE: names}, receive, send)

            self.app = named
            self._expect_head(head_seconds)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._expect_head(KEEP_ALIVE_SECONDS + head_seconds)

        def _expect_head(self, seconds: float) -> None:
            self.loop.call_later(seconds, self._close_unless_after, self.cycle)

        def _close_unless_after(self, cycle: object) -> None:
            if self.cycle is cycle and not self.transport.is_closing():
                self.transport.close()

    return Connection


def _names(certificate: Any) -> tuple[str, ...]:
    """Subject alternative names, of the dictionary that Python gives."""
    return tuple(str(value) for _, value in (certificate or {}).get("subjectAltName", ()))
