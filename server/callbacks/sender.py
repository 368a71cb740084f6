"""Sender: one POST to a host that was checked; redirects are answers like any other, and proxies are not used."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from predictor.errors import UnavailableError
from server.callbacks.hosts import CallbackHosts, port_of

_MAX_LINE = 4096


async def post(hosts: CallbackHosts, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> int:
    """The HTTP status of the answer, of which nothing more is read.

    The connection goes to the address that was checked, so that a name cannot change what it means in between.

    Raises:
        UnavailableError: no answer, none in time, or an address that may not be called.
        InputError, ForbiddenError: a URL that is not allowed any more.
    """
    try:
        async with asyncio.timeout(seconds):
            address = (await hosts.addresses(url))[0]
            return await _post(address, url, headers, body)
    except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise UnavailableError("the callback's host did not answer as HTTP does.", reason="CALLBACK_FAILED") from error


async def _post(address: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        address,
        port_of(parts),
        ssl=ssl.create_default_context() if secure else None,
        server_hostname=parts.hostname if secure else None,
        limit=_MAX_LINE,
    )
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {"host": parts.netloc, "content-type": "application/json", "content-length": str(len(body))}
        lines = [f"{name}: {value}" for name, value in (fields | dict(headers) | {"connection": "close"}).items()]
        writer.write("\r\n".join([f"POST {target} HTTP/1.1", *lines, "", ""]).encode() + body)
        await writer.drain()
        version, status, *_ = (await reader.readuntil(b"\n")).decode("latin-1").split(maxsplit=2)
        if not version.startswith("HTTP/1.") or not status.isdecimal():
            raise ValueError(status)
        return int(status)
    finally:
        writer.transport.abort()
