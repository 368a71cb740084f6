"""FeatureServicer: feature sets in and out. The contract of each method is in protos/w2s/v1/features.proto."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from predictor.errors import InputError, RefusedError
from predictor.results.selection import Selection, page_after
from predictor.store.entries import OpenEntry
from predictor.store.keys import check_name
from predictor.store.manifest import Manifest
from predictor.store.named_features import FIELDS, NamedFeatures
from protos import convert
from protos.features import MAX_CHUNK
from protos.w2s.v1 import features_pb2 as pb
from protos.w2s.v1 import features_pb2_grpc
from server.access.caller import current_tenant
from server.config import Limits
from server.features.stores import feature_store
from server.features.upload import FeatureUpload
from server.features.uploads import Uploads
from server.pages import bad_page_token, page_size
from server.upload_stream import UploadStreams
from server.usage import TenantUsage


class FeatureServicer(features_pb2_grpc.FeatureServiceServicer):
    """See protos/w2s/v1/features.proto."""

    def __init__(self, uploads: Uploads, usage: TenantUsage, limits: Limits) -> None:
        self._uploads = uploads
        self._usage = usage
        self._limits = limits
        self._streams = UploadStreams(limits.upload_idle_seconds)

    async def UploadFeatures(  # noqa: N802  # RPC name
        self, requests: AsyncIterator[pb.UploadFeaturesRequest], context: Any
    ) -> pb.UploadFeaturesResponse:
        """See protos/w2s/v1/features.proto."""
        tenant = current_tenant()
        manifest = _manifest(await self._streams.manifest(requests))
        usage = await self._usage.of(tenant)
        upload = await self._streams.open(lambda: self._uploads.open(tenant, manifest, usage), FeatureUpload.close)
        try:
            stored = upload.features
            if stored is None:
                stored = await self._streams.receive(requests, upload)
            return pb.UploadFeaturesResponse(features=convert.features_to_proto(stored))
        finally:
            self._streams.close_later(upload)

    async def QueryUpload(self, request: pb.QueryUploadRequest, context: Any) -> pb.QueryUploadResponse:  # noqa: N802
        """See protos/w2s/v1/features.proto."""
        tenant, manifest = current_tenant(), _manifest(request.manifest)
        received, stored = await asyncio.to_thread(self._uploads.received, tenant, manifest)
        features = None if stored is None else convert.features_to_proto(stored)
        return pb.QueryUploadResponse(received_bytes=received, features=features)

    async def DownloadFeatures(  # noqa: N802
        self, request: pb.DownloadFeaturesRequest, context: Any
    ) -> AsyncIterator[pb.DownloadFeaturesResponse]:
        """See protos/w2s/v1/features.proto."""
        store = feature_store(current_tenant())

        def find() -> tuple[NamedFeatures | None, OpenEntry]:
            return store.find(request.name), store.open(request.name)

        named, entry = await self._streams.open(find, lambda found: found[1].close())
        try:
            if named is None or (request.HasField("sha256") and request.sha256 != entry.sha256):
                raise RefusedError(
                    f"feature set {request.name!r} is another one by now; download it from the start.",
                    reason="FEATURES_CHANGED",
                    field="sha256",
                )
            if not 0 <= request.offset <= entry.size:
                raise InputError(
                    f"offset is {request.offset}; it must be from 0 to {entry.size}.",
                    reason="BAD_OFFSET",
                    field="offset",
                )
            yield pb.DownloadFeaturesResponse(description=convert.description_to_proto(named, entry))
            place = request.offset
            while place < entry.size:
                chunk = await asyncio.to_thread(_chunk, entry, place)
                place += len(chunk.data)
                yield pb.DownloadFeaturesResponse(chunk=chunk)
        finally:
            entry.close()

    async def ListFeatures(self, request: pb.ListFeaturesRequest, context: Any) -> pb.ListFeaturesResponse:  # noqa: N802
        """See protos/w2s/v1/features.proto."""
        size, after = page_size(request.page_size, self._limits.max_page_features), _after(request.page_token)
        store = feature_store(current_tenant())
        selection = Selection.parse(request.filter, request.order_by, FIELDS)

        def chosen() -> Sequence[NamedFeatures]:
            if selection == Selection():
                return store.page(after, size + 1)
            return page_after(selection.of(store.ls()), after, lambda one: one.name, bad_page_token(after))[: size + 1]

        found = await asyncio.to_thread(chosen)
        token = found[size - 1].name if len(found) > size else ""
        page = [convert.features_to_proto(one) for one in found[:size]]
        return pb.ListFeaturesResponse(features=page, next_page_token=token)

    async def DeleteFeatures(self, request: pb.DeleteFeaturesRequest, context: Any) -> pb.DeleteFeaturesResponse:  # noqa: N802
        """See protos/w2s/v1/features.proto."""
        store = feature_store(current_tenant())
        await asyncio.to_thread(store.remove, request.name)
        return pb.DeleteFeaturesResponse()


def _after(token: str) -> str:
    """The name that a page begins after; there need be no such set, since names have an order of their own."""
    try:
        if token:
            check_name(token)
    except InputError:
        raise bad_page_token(token) from None
    return token


def _chunk(entry: OpenEntry, start: int) -> pb.FeatureChunk:
    return convert.chunk_to_proto(start, entry.read(start, MAX_CHUNK))


def _manifest(message: pb.FeatureManifest) -> Manifest:
    with convert.fields_under("manifest"):
        return convert.manifest_from_proto(message)
