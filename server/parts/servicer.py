"""PartServicer: parts of requests on their way in. What each method promises stands in protos/w2s/v1/parts.proto."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from predictor.errors import DeadlineError, InputError
from protos.parts import part_manifest_from_proto
from protos.w2s.v1 import parts_pb2 as pb
from protos.w2s.v1 import parts_pb2_grpc
from server.access.caller import current_tenant
from server.config import Limits
from server.parts.store import PartStore
from server.parts.upload import PartUpload

_THREADS = 2

T = TypeVar("T")


class PartServicer(parts_pb2_grpc.PartServiceServicer):
    """See protos/w2s/v1/parts.proto. Files are touched by threads of its own, never by the event loop."""

    def __init__(self, store: PartStore, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="w2s-parts")

    async def UploadPart(  # noqa: N802  # RPC name
        self, requests: AsyncIterator[pb.UploadPartRequest], context: Any
    ) -> pb.UploadPartResponse:
        """See protos/w2s/v1/parts.proto."""
        tenant = current_tenant()
        first = await self._next(requests)
        if first is None or first.WhichOneof("part") != "manifest":
            raise InputError(
                "the first message of an upload holds no manifest; it is required.",
                reason="MISSING_FIELD",
                field="manifest",
            )
        manifest = part_manifest_from_proto(first.manifest)
        upload = await self._opened(lambda: self._store.open(tenant, manifest))
        try:
            if upload.complete:
                return pb.UploadPartResponse()
            while (message := await self._next(requests)) is not None:
                if message.WhichOneof("part") != "chunk":
                    raise InputError(
                        "a message after the first holds no chunk; it is required.",
                        reason="MISSING_FIELD",
                        field="chunk",
                    )
                await self._run(partial(upload.write, message.chunk))
            await self._run(upload.finish)
            return pb.UploadPartResponse()
        finally:
            self._threads.submit(upload.close)

    async def QueryPart(self, request: pb.QueryPartRequest, context: Any) -> pb.QueryPartResponse:  # noqa: N802
        """See protos/w2s/v1/parts.proto."""
        tenant, manifest = current_tenant(), part_manifest_from_proto(request.manifest)
        received, complete = await self._run(lambda: self._store.received(tenant, manifest))
        return pb.QueryPartResponse(received_bytes=received, complete=complete)

    async def _next(self, requests: AsyncIterator[pb.UploadPartRequest]) -> pb.UploadPartRequest | None:
        seconds = self._limits.upload_idle_seconds
        try:
            return await asyncio.wait_for(anext(requests, None), seconds)
        except TimeoutError as fault:
            raise DeadlineError(
                f"nothing came for {seconds:g} s; what came before is kept. Ask where to go on.", reason="UPLOAD_IDLE"
            ) from fault

    async def _run(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)

    async def _opened(self, open_: Callable[[], PartUpload]) -> PartUpload:
        """An upload that is closed again where the caller goes away while it is being opened."""
        opening = self._threads.submit(open_)
        try:
            return await asyncio.shield(asyncio.wrap_future(opening))
        except asyncio.CancelledError:
            opening.add_done_callback(_close)
            raise


def _close(opened: Future[PartUpload]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()
