"""PartServicer: parts of requests on their way in. The contract of each method is in protos/w2s/v1/parts.proto."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from protos.field_paths import fields_under
from protos.parts import PartManifest, part_manifest_from_proto
from protos.w2s.v1 import parts_pb2 as pb
from protos.w2s.v1 import parts_pb2_grpc
from server.access.caller import current_tenant
from server.config import Limits
from server.parts.store import PartStore
from server.parts.upload import PartUpload
from server.upload_stream import UploadStreams
from server.usage import TenantUsage


class PartServicer(parts_pb2_grpc.PartServiceServicer):
    """See protos/w2s/v1/parts.proto."""

    def __init__(self, store: PartStore, usage: TenantUsage, limits: Limits) -> None:
        self._store = store
        self._usage = usage
        self._streams = UploadStreams(limits.upload_idle_seconds)

    async def UploadPart(  # noqa: N802  # RPC name
        self, requests: AsyncIterator[pb.UploadPartRequest], context: Any
    ) -> pb.UploadPartResponse:
        """See protos/w2s/v1/parts.proto."""
        tenant = current_tenant()
        manifest = _manifest(await self._streams.manifest(requests))
        usage = await self._usage.of(tenant)
        upload = await self._streams.open(lambda: self._store.open(tenant, manifest, usage), PartUpload.close)
        try:
            if not upload.complete:
                await self._streams.receive(requests, upload)
            return pb.UploadPartResponse()
        finally:
            self._streams.close_later(upload)

    async def QueryPart(self, request: pb.QueryPartRequest, context: Any) -> pb.QueryPartResponse:  # noqa: N802
        """See protos/w2s/v1/parts.proto."""
        tenant, manifest = current_tenant(), _manifest(request.manifest)
        received, complete = await asyncio.to_thread(self._store.received, tenant, manifest)
        return pb.QueryPartResponse(received_bytes=received, complete=complete)


def _manifest(message: pb.PartManifest) -> PartManifest:
    with fields_under("manifest"):
        return part_manifest_from_proto(message)
