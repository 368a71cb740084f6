"""UploadStreams: streams of chunks on their way into files, which threads touch and never the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, TypeVar

from predictor.errors import DeadlineError, InputError
from protos.w2s.v1 import features_pb2 as pb

T = TypeVar("T")
Stored = TypeVar("Stored", covariant=True)


class Incoming(Protocol[Stored]):
    """An upload being received; used from threads."""

    def write(self, chunk: pb.FeatureChunk) -> None:
        """Take the next chunk."""

    def finish(self) -> Stored:
        """Check the whole and store it."""

    def close(self) -> None:
        """Close it; the bytes received stay."""


class UploadStreams:
    """Reads the streams of one service.

    Args:
        idle_seconds: that a stream may be silent for.
    """

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds

    async def manifest(self, requests: AsyncIterator[Any]) -> Any:
        """What the first message declares.

        Raises:
            InputError: it declares nothing, or there is none.
            DeadlineError: nothing came for too long.
        """
        first = await self._next(requests)
        if first is None or first.WhichOneof("part") != "manifest":
            raise InputError(
                "the first message of an upload has no manifest; it is required.",
                reason="MISSING_FIELD",
                field="manifest",
            )
        return first.manifest

    async def receive(self, requests: AsyncIterator[Any], upload: Incoming[T]) -> T:
        """Write every chunk to the end; returns what is stored.

        Raises:
            InputError: a message has no chunk.
            DeadlineError: nothing came for too long.
            W2SError: see the upload.
        """
        while (message := await self._next(requests)) is not None:
            if message.WhichOneof("part") != "chunk":
                raise InputError(
                    "a message after the first has no chunk; it is required.", reason="MISSING_FIELD", field="chunk"
                )
            await asyncio.to_thread(upload.write, message.chunk)
        return await asyncio.to_thread(upload.finish)

    async def open(self, open_: Callable[[], T], close: Callable[[T], None]) -> T:
        """What a thread opens and is to close, also where the caller goes away while it is being opened."""
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(None, open_)

        def opened(done: asyncio.Future[T]) -> None:
            if not done.cancelled() and done.exception() is None:
                loop.run_in_executor(None, close, done.result())

        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(opened)
            raise

    def close_later(self, upload: Incoming[Any]) -> None:
        """Let a thread close it, after what it is doing for it."""
        asyncio.get_running_loop().run_in_executor(None, upload.close)

    async def _next(self, requests: AsyncIterator[Any]) -> Any:
        try:
            return await asyncio.wait_for(anext(requests, None), self._idle_seconds)
        except TimeoutError as error:
            raise DeadlineError(
                f"nothing came for {self._idle_seconds:g} s; the bytes received are stored. Call QueryUpload or "
                "QueryPart and go on from there.",
                reason="UPLOAD_IDLE",
            ) from error
