"""TransferFlows: every exchange about feature sets, for the blocking and the asyncio client."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from client.array_bytes import HEADERS, array_bytes
from client.flows import AwaitResult, Call, Emit, Flow, OpenStream, Pause, Receive, Upload, Work
from client.retry import RetryPolicy
from predictor.errors import InputError, NotFoundError, RefusedError, UnavailableError, W2SError
from predictor.steps import Progress
from predictor.store.entries import StoredFeatures
from predictor.store.keys import check_name
from predictor.store.manifest import Manifest
from predictor.store.named_features import NamedFeatures
from protos import convert
from protos.features import MAX_CHUNK, FeatureDescription
from protos.w2s.v1 import features_pb2 as pb
from protos.w2s.v1 import features_pb2_grpc

STREAM_SECONDS = 600.0
"""Deadline of one stream; a longer transfer goes on in a new one."""

_POLL_SECONDS = 0.1

Write = Callable[[int, bytes], None]


class TransferFlows:
    """Flows of the feature sets of one server.

    Args:
        channel: of grpc or grpc.aio.
        target: what error messages call the server.
        timeout: deadline of short calls in seconds.
        reconnect_seconds: how long a transfer without progress is tried again.
    """

    def __init__(self, channel: Any, target: str, timeout: float, reconnect_seconds: float) -> None:
        self.stub = features_pb2_grpc.FeatureServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._target = target
        self._timeout = timeout
        self._reconnect_seconds = reconnect_seconds

    def push(self, manifest: Manifest, values: NDArray[Any]) -> Flow[NamedFeatures]:
        """Store an array under a name, from the bytes that the server has on; bytes sent are reported."""
        retry = RetryPolicy(self._reconnect_seconds)
        while True:
            try:
                received, stored = yield from self.query(manifest)
                retry.reached(received)
                if stored is not None:
                    yield Emit(Progress(manifest.name, "upload", manifest.size, manifest.size))
                    return stored
                return (yield from self._send(manifest, values, received, retry))
            except W2SError as error:
                pause = retry.pause_after(error)
            yield Pause(pause)

    def pull(self, name: str) -> Flow[StoredFeatures]:
        """A set is fetched into memory."""
        found: list[NDArray[np.float32]] = []

        def begin(description: FeatureDescription) -> Write:
            found[:] = [np.empty((description.features.rows, description.features.dim), "<f4")]
            return partial(_fill, found[0].reshape(-1).view(np.uint8))

        description = yield from self._receive(name, begin)
        return StoredFeatures(found[0], description.about)

    def pull_to(self, name: str, path: Path) -> Flow[NamedFeatures]:
        """A set is fetched into a file, which appears once all of it has come and been checked.

        Raises:
            InputError: neither `.npy` nor `.safetensors`.
        """
        if path.suffix not in HEADERS:
            raise InputError(f"-o is {str(path)!r}; name a .npy or .safetensors file.", reason="BAD_DESTINATION")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with temporary.open("xb") as file:

                def begin(description: FeatureDescription) -> Write:
                    file.write(HEADERS[path.suffix](description))
                    return lambda _, data: _ignored(file.write(data))

                description = yield from self._receive(name, begin)

                def keep() -> None:
                    file.flush()
                    os.fsync(file.fileno())
                    os.replace(temporary, path)

                yield Work(keep)
        finally:
            with contextlib.suppress(OSError):  # the first error is the one to report
                temporary.unlink(missing_ok=True)
        return description.features

    def ls(self, filter: str = "", order_by: str = "") -> Flow[None]:  # name of the field
        """Every set of a filter is reported, in an order; pages are fetched as they are needed."""
        token = ""
        while True:
            request = pb.ListFeaturesRequest(page_token=token, filter=filter, order_by=order_by)
            page = yield Call(self.stub.ListFeatures, request, self._timeout)
            for one in page.features:
                yield Emit(convert.features_from_proto(one))
            token = page.next_page_token
            if not token:
                return

    def find(self, name: str) -> Flow[NamedFeatures]:
        """The set of that name.

        Raises:
            NotFoundError: no such name.
        """
        check_name(name)
        request = pb.ListFeaturesRequest(page_size=1, filter=f'name = "{name}"')
        page = yield Call(self.stub.ListFeatures, request, self._timeout)
        if page.features:
            return convert.features_from_proto(page.features[0])
        raise NotFoundError(
            f"there is no feature set {name!r} on {self._target}; push it with w2s features push {name} FILE --server "
            f"{self._target}.",
            reason="FEATURES_NOT_FOUND",
            field=name,
        )

    def remove(self, name: str) -> Flow[None]:
        """A set is forgotten."""
        yield Call(self.stub.DeleteFeatures, pb.DeleteFeaturesRequest(name=name), self._timeout)

    def query(self, manifest: Manifest) -> Flow[tuple[int, NamedFeatures | None]]:
        """Bytes of an upload that the server has, and the set where it is complete."""
        request = pb.QueryUploadRequest(manifest=convert.manifest_to_proto(manifest))
        found = yield Call(self.stub.QueryUpload, request, self._timeout)
        stored = convert.features_from_proto(found.features) if found.HasField("features") else None
        return found.received_bytes, stored

    def _send(self, manifest: Manifest, values: NDArray[Any], start: int, retry: RetryPolicy) -> Flow[NamedFeatures]:
        sent, ended = start, False

        def messages() -> Iterator[pb.UploadFeaturesRequest]:
            nonlocal sent
            yield pb.UploadFeaturesRequest(manifest=convert.manifest_to_proto(manifest))
            while sent < manifest.size and not ended:
                data = array_bytes(values, manifest, sent, MAX_CHUNK)
                yield pb.UploadFeaturesRequest(chunk=convert.chunk_to_proto(sent, data))
                sent += len(data)

        sending = yield Upload(self.stub.UploadFeatures, messages(), STREAM_SECONDS)
        try:
            while (answer := (yield AwaitResult(sending, _POLL_SECONDS))) is None:
                retry.reached(sent)
                yield Emit(Progress(manifest.name, "upload", sent, manifest.size))
        finally:
            ended = True
            sending.cancel()
        yield Emit(Progress(manifest.name, "upload", manifest.size, manifest.size))
        return convert.features_from_proto(answer.features)

    def _receive(self, name: str, begin: Callable[[FeatureDescription], Write]) -> Flow[FeatureDescription]:
        """Have every byte of a set written by what `begin` returns, and checked at the end; reports bytes."""
        description: FeatureDescription | None = None
        write: Write | None = None
        digest, place, retry = hashlib.sha256(), 0, RetryPolicy(self._reconnect_seconds)
        while True:
            known = None if description is None else description.sha256
            request = pb.DownloadFeaturesRequest(name=name, offset=place, sha256=known)
            stream = yield OpenStream(self.stub.DownloadFeatures, request, STREAM_SECONDS)
            try:
                while (answer := (yield Receive(stream))) is not None:
                    if answer.HasField("description"):
                        if description is None:
                            description = convert.description_from_proto(answer.description)
                            write = begin(description)
                        continue
                    if description is None or write is None:
                        raise _damaged(name, place)
                    data = _sound(name, answer.chunk, place, description.size)
                    yield Work(partial(write, place, data))
                    digest.update(data)
                    place += len(data)
                    retry.reached(place)
                    yield Emit(Progress(name, "download", place, description.size))
                if description is None or place != description.size:
                    raise _damaged(name, place)
                if digest.hexdigest() != description.sha256:
                    raise RefusedError(
                        f"what came of {name!r} is not what the server read; fetch it again.", reason="DOWNLOAD_SHA256"
                    )
                return description
            except W2SError as error:
                pause = retry.pause_after(error)
            finally:
                stream.cancel()
            yield Pause(pause)


def _sound(name: str, chunk: pb.FeatureChunk, place: int, size: int) -> bytes:
    data = bytes(chunk.data)
    if chunk.offset != place or place + len(data) > size or zlib.crc32(data) != chunk.crc32:
        raise _damaged(name, place)
    return data


def _damaged(name: str, place: int) -> UnavailableError:
    return UnavailableError(
        f"what came of {name!r} at byte {place} was damaged on its way; fetch it again.", reason="DOWNLOAD_DAMAGED"
    )


def _fill(flat: NDArray[np.uint8], offset: int, data: bytes) -> None:
    flat[offset : offset + len(data)] = np.frombuffer(data, np.uint8)


def _ignored(_: object) -> None:
    return None
