"""Body: a request's body, read within a size and a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from predictor.errors import DeadlineError, InputError, LimitError


class Body:
    """Reads once; `ended` is set when no byte of it is to come.

    Args:
        request: whose body it is.
        max_bytes: largest body.
        seconds: longest time for a body that is read whole.
    """

    def __init__(self, request: Request, max_bytes: int, seconds: float) -> None:
        self._request = request
        self._max_bytes = max_bytes
        self._seconds = seconds
        self.ended = asyncio.Event()

    async def whole(self) -> bytes:
        """All of it.

        Raises:
            LimitError: larger than allowed.
            DeadlineError: slower than allowed.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return b"".join([piece async for piece in self.pieces()])
        except TimeoutError as error:
            raise DeadlineError(
                f"the body was not complete after {self._seconds:g} s; send it faster.", reason="UPLOAD_IDLE"
            ) from error

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes as they come; who takes them bounds the time.

        Raises:
            LimitError: larger than allowed.
        """
        self._check(self._declared())
        read = 0
        try:
            async for piece in self._request.stream():
                read += len(piece)
                self._check(read)
                yield piece
        except ClientDisconnect as error:
            raise asyncio.CancelledError from error  # as gRPC ends a call whose caller is gone
        self.ended.set()

    async def chunks(self, size: int) -> AsyncIterator[bytes]:
        """Its bytes in pieces of one size, the last one what is left."""
        held = bytearray()
        async for piece in self.pieces():
            held += piece
            while len(held) >= size:
                yield bytes(held[:size])
                del held[:size]
        if held:
            yield bytes(held)

    def _declared(self) -> int:
        text = self._request.headers.get("content-length", "0")
        if not text.isdecimal():
            raise InputError("content-length is no number.", reason="BAD_HEADER")
        return int(text)

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise LimitError(
                f"the body has more than {self._max_bytes:,} bytes, the most that this server reads here; send "
                "features and large parts of a request beforehand, with PUT /v1/features or /v1/parts.",
                reason="OVER_LIMIT",
            )
