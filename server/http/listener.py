"""Listener: uvicorn on an address of its own, in the loop of the server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

from predictor.errors import UnavailableError
from server.access.tls import TLSFiles, follow_files, server_context
from server.http.connection import KEEP_ALIVE_SECONDS, connection_class

_HEAD_BYTES = 32 << 10
_STOP_SECONDS = 2
"""Time that open answers have to end once the server stops."""


class _Server(uvicorn.Server):
    """Leaves signals to the server that it is a part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(address: str) -> socket.socket:
    """A socket that listens at `HOST:PORT`.

    Raises:
        UnavailableError: the address is taken or does not exist.
    """
    host, _, port = address.rpartition(":")
    six = host.startswith("[")
    try:
        found = socket.create_server((host.strip("[]"), int(port)), family=socket.AF_INET6 if six else socket.AF_INET)
    except OSError as error:
        raise UnavailableError(
            f"cannot listen on {address} for HTTP; it is most likely taken. Stop what listens there, or choose another "
            "port (0 takes any free one).",
            reason="ADDRESS_TAKEN",
            field="http",
        ) from error
    found.setblocking(False)
    return found


@contextlib.asynccontextmanager
async def listening(
    application: Any, listener: socket.socket, tls: TLSFiles | None, head_seconds: float
) -> AsyncIterator[None]:
    """Answer on a socket during the block; then let open answers end, and close."""
    config = uvicorn.Config(
        application,
        http=connection_class(head_seconds),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # its warnings are of what unknown peers send
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        reset_contextvars=True,
    )
    config.load()
    following = None
    if tls is not None:
        config.ssl = server_context(tls)
        following = asyncio.create_task(follow_files(config.ssl, tls))
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        if following is not None:
            following.cancel()
