"""PartFlows: calls that send a request that is too large for one message."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from client.flows import AwaitResult, Call, Emit, Flow, Pause, Upload, Work
from client.retry import RetryPolicy
from predictor.errors import LimitError, W2SError
from predictor.steps import Progress
from protos import convert
from protos.parts import PartManifest, detach, part_manifest_to_proto
from protos.w2s.v1 import parts_pb2 as pb
from protos.w2s.v1 import parts_pb2_grpc, query_pb2

ENVELOPE_BYTES = 1024
"""More than a request takes besides its query."""

SMALL_BYTES = (1 << 20) - ENVELOPE_BYTES
"""Every server takes a query of this size."""

_CHUNK_BYTES = 512 << 10
"""From 256 KiB to 1 MiB; a server that takes only small messages takes this."""

_STREAM_SECONDS = 600.0
_POLL_SECONDS = 0.1


class PartFlows:
    """Flows of parts.

    Args:
        channel: of grpc or grpc.aio.
        timeout: deadline of short calls in seconds.
        reconnect_seconds: how long an upload without progress is tried again.
    """

    def __init__(self, channel: Any, timeout: float, reconnect_seconds: float) -> None:
        self._stub = parts_pb2_grpc.PartServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._timeout = timeout
        self._reconnect_seconds = reconnect_seconds

    def send_bulk(self, message: query_pb2.RankingQuery, max_bytes: int) -> Flow[None]:
        """Send the largest fields of a query beforehand, so that what is left has at most `max_bytes` bytes.

        Raises:
            LimitError: it is still larger, or the server does not store so much.
        """
        parts: dict[PartManifest, bytes] = yield Work(partial(detach, message, max_bytes))
        if message.ByteSize() > max_bytes:
            raise LimitError(
                f"the request takes {message.ByteSize()} bytes without its rows and arrays, at most {max_bytes} can be "
                "sent; name fewer candidates.",
                reason="OVER_LIMIT",
            )
        for manifest, data in parts.items():
            yield from self._send(manifest, data)

    def _send(self, manifest: PartManifest, data: bytes) -> Flow[None]:
        retry = RetryPolicy(self._reconnect_seconds)
        while True:
            try:
                request = pb.QueryPartRequest(manifest=part_manifest_to_proto(manifest))
                found = yield Call(self._stub.QueryPart, request, self._timeout)
                retry.reached(found.received_bytes)
                if not found.complete:
                    yield from self._upload(manifest, data, found.received_bytes, retry)
                return
            except W2SError as error:
                pause = retry.pause_after(error)
            yield Pause(pause)

    def _upload(self, manifest: PartManifest, data: bytes, start: int, retry: RetryPolicy) -> Flow[None]:
        sent, ended = start, False

        def messages() -> Iterator[pb.UploadPartRequest]:
            nonlocal sent
            yield pb.UploadPartRequest(manifest=part_manifest_to_proto(manifest))
            while sent < manifest.size and not ended:
                piece = data[sent : sent + _CHUNK_BYTES]
                yield pb.UploadPartRequest(chunk=convert.chunk_to_proto(sent, piece))
                sent += len(piece)

        sending = yield Upload(self._stub.UploadPart, messages(), _STREAM_SECONDS)
        try:
            while (yield AwaitResult(sending, _POLL_SECONDS)) is None:
                retry.reached(sent)
                yield Emit(Progress("", "upload", sent, manifest.size))
        finally:
            ended = True
            sending.cancel()
