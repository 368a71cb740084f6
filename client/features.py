"""FeatureClient: feature sets pushed to a server once, and fetched back, through lost connections and restarts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from client.channel import faults_of
from client.layouts import HEADERS, array_bytes
from predictor.entries import StoredFeatures
from predictor.errors import (
    DeadlineError,
    InputError,
    LimitError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    W2SError,
)
from predictor.features import NamedFeatures
from predictor.manifest import Manifest
from predictor.query import Progress
from protos import convert
from protos.features import MOST_CHUNK, Description
from protos.w2s.v1 import features_pb2 as pb
from protos.w2s.v1 import features_pb2_grpc

_STREAM_SECONDS = 600.0
"""Deadline of one stream; a longer transfer goes on in a new one."""

_FIRST_PAUSE, _LAST_PAUSE = 0.1, 5.0
_AGAIN = ("UPLOAD_OFFSET", "UPLOAD_CHECKSUM", "UPLOAD_INCOMPLETE", "DOWNLOAD_DAMAGED")
"""Reasons that a transfer from where it stands puts right."""

T = TypeVar("T")


class FeatureClient:
    """The feature sets of one server; `PredictorClient.features` is one.

    Args:
        channel: from `client.channel.open_channel`.
        target: what error messages call the server.
        timeout: deadline of short calls in seconds.
        reconnect_seconds: how long a transfer that stands still is tried again.
    """

    def __init__(self, channel: Any, target: str, timeout: float = 60.0, reconnect_seconds: float = 60.0) -> None:
        self._stub = features_pb2_grpc.FeatureServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._target = target
        self._timeout = timeout
        self._reconnect_seconds = reconnect_seconds

    def push(
        self,
        name: str,
        values: NDArray[Any],
        *,
        rows_sha256: str | None = None,
        layer: str | None = None,
        parameters: int | None = None,
    ) -> NamedFeatures:
        """Keep an array under a name, for `features:NAME` in rankings on that server.

        Args:
            name: up to 128 letters, digits and `. _ @ + -`.
            values: (n,) or (n, d), float or integer; a memory-mapped file is read a megabyte at a time.
            rows_sha256: `predictor.arrays.rows_digest` of the pool, so that other rows are refused later; or None.
            layer: that the features were read at, or None.
            parameters: number of weights of the model, or None.

        Raises:
            InputError: a bad name or bad values.
            LimitError: more than the server keeps.
            UnavailableError: the server stayed away for `reconnect_seconds`.
        """
        manifest = Manifest.of(name, values, rows_sha256=rows_sha256, layer=layer, parameters=parameters)
        return _drain(self.push_steps(manifest, values))

    def push_steps(self, manifest: Manifest, values: NDArray[Any]) -> Generator[Progress, None, NamedFeatures]:
        """`push`, yielding bytes sent; closing the generator leaves what came on the server, to go on from."""
        patience = _Patience(self._reconnect_seconds)
        while True:
            try:
                received, kept = self._query(manifest)
                patience.note(received)
                if kept is not None:
                    yield Progress(manifest.name, "upload", manifest.size, manifest.size)
                    return kept
                return (yield from self._send(manifest, values, received, patience))
            except W2SError as fault:
                patience.check(fault)

    def pull(self, name: str) -> StoredFeatures:
        """The set of that name: (n, d) float32 values and what is known of them.

        Raises:
            NotFoundError: no such name.
            UnavailableError: the server stayed away for `reconnect_seconds`.
        """
        found: list[NDArray[np.float32]] = []

        def begin(told: Description) -> Callable[[int, bytes], None]:
            found[:] = [np.empty((told.features.rows, told.features.dim), "<f4")]
            return partial(_fill, found[0].reshape(-1).view(np.uint8))

        told = _drain(self._receive(name, begin))
        return StoredFeatures(found[0], told.about)

    def pull_steps(self, name: str, path: Path) -> Generator[Progress, None, NamedFeatures]:
        """Write the set of that name to a `.npy` or `.safetensors` file, yielding bytes received; memory stays flat.

        The file appears once all of it has come and been checked.

        Raises:
            InputError: another kind of file.
            NotFoundError, UnavailableError: as `pull`.
        """
        if path.suffix not in HEADERS:
            raise InputError(f"-o is {str(path)!r}; name a .npy or .safetensors file.", reason="BAD_DESTINATION")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with temporary.open("xb") as file:

                def begin(told: Description) -> Callable[[int, bytes], None]:
                    file.write(HEADERS[path.suffix](told))
                    return partial(_append, file)

                told = yield from self._receive(name, begin)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):  # the fault that brought us here is the one to tell
                temporary.unlink(missing_ok=True)
        return told.features

    def ls(self) -> Iterator[NamedFeatures]:
        """Every set in the order of names; pages are fetched as they are needed."""
        token = ""
        while True:
            page = self._call(self._stub.ListFeatures, pb.ListFeaturesRequest(page_token=token))
            yield from map(convert.features_from_proto, page.features)
            token = page.next_page_token
            if not token:
                return

    def find(self, name: str) -> NamedFeatures:
        """The set of that name as `ls` shows it.

        Raises:
            NotFoundError: no such name.
        """
        for one in self.ls():
            if one.name == name:
                return one
        raise NotFoundError(
            f"there is no feature set {name!r} on {self._target}; push it with w2s features push {name} FILE --server "
            f"{self._target}.",
            reason="FEATURES_NOT_FOUND",
            field=name,
        )

    def remove(self, name: str) -> None:
        """Forget a set.

        Raises:
            NotFoundError: no such name.
        """
        self._call(self._stub.DeleteFeatures, pb.DeleteFeaturesRequest(name=name))

    def _query(self, manifest: Manifest) -> tuple[int, NamedFeatures | None]:
        request = pb.QueryUploadRequest(manifest=convert.manifest_to_proto(manifest))
        found = self._call(self._stub.QueryUpload, request)
        kept = convert.features_from_proto(found.features) if found.HasField("features") else None
        return found.received_bytes, kept

    def _send(
        self, manifest: Manifest, values: NDArray[Any], start: int, patience: _Patience
    ) -> Generator[Progress, None, NamedFeatures]:
        sent, ended = start, threading.Event()

        def messages() -> Iterator[pb.UploadFeaturesRequest]:
            nonlocal sent
            yield pb.UploadFeaturesRequest(manifest=convert.manifest_to_proto(manifest))
            while sent < manifest.size and not ended.is_set():
                data = array_bytes(values, manifest, sent, MOST_CHUNK)
                yield pb.UploadFeaturesRequest(chunk=convert.chunk_to_proto(sent, data))
                sent += len(data)

        call = self._stub.UploadFeatures.future(messages(), timeout=_STREAM_SECONDS)
        call.add_done_callback(lambda _: ended.set())
        try:
            while not ended.wait(0.1):
                patience.note(sent)
                yield Progress(manifest.name, "upload", sent, manifest.size)
            with faults_of(self._target, _STREAM_SECONDS):
                kept = convert.features_from_proto(call.result().features)
        finally:
            ended.set()
            call.cancel()
        yield Progress(manifest.name, "upload", manifest.size, manifest.size)
        return kept

    def _receive(
        self, name: str, begin: Callable[[Description], Callable[[int, bytes], None]]
    ) -> Generator[Progress, None, Description]:
        """Have every byte of a set written by what `begin` returns, and checked at the end."""
        told: Description | None = None
        write: Callable[[int, bytes], None] | None = None
        digest, place, patience = hashlib.sha256(), 0, _Patience(self._reconnect_seconds)
        while True:
            request = pb.DownloadFeaturesRequest(name=name, offset=place, sha256=None if told is None else told.sha256)
            call = self._stub.DownloadFeatures(request, timeout=_STREAM_SECONDS)
            try:
                with faults_of(self._target, _STREAM_SECONDS):
                    for answer in call:
                        if answer.HasField("description"):
                            if told is None:
                                told = convert.description_from_proto(answer.description)
                                write = begin(told)
                            continue
                        if told is None or write is None:
                            raise _damaged(name, place)
                        data = _sound(name, answer.chunk, place, told.size)
                        write(place, data)
                        digest.update(data)
                        place += len(data)
                        patience.note(place)
                        yield Progress(name, "download", place, told.size)
                if told is None or place != told.size:
                    raise _damaged(name, place)
                if digest.hexdigest() != told.sha256:
                    raise RefusedError(
                        f"what came of {name!r} is not what the server read; fetch it again.", reason="DOWNLOAD_SHA256"
                    )
                return told
            except W2SError as fault:
                patience.check(fault)
            finally:
                call.cancel()

    def _call(self, method: Any, request: Any) -> Any:
        with faults_of(self._target, self._timeout):
            return method(request, timeout=self._timeout)


class _Patience:
    """How long a transfer that makes no progress is tried again, and the pauses in between."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._place = -1
        self._moved = time.monotonic()
        self._pause = _FIRST_PAUSE

    def note(self, place: int) -> None:
        """Remember progress."""
        if place > self._place:
            self._place, self._moved, self._pause = place, time.monotonic(), _FIRST_PAUSE

    def check(self, fault: W2SError) -> None:
        """Pause where trying again may help, and raise the fault where it will not, or the time is over."""
        passing = isinstance(fault, UnavailableError | DeadlineError) or fault.reason in _AGAIN
        passing = passing or (isinstance(fault, LimitError) and fault.reason.startswith("TOO_MANY"))
        if not passing or time.monotonic() - self._moved > self._seconds:
            raise fault
        time.sleep(self._pause)
        self._pause = min(_LAST_PAUSE, self._pause * 2)


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


def _append(file: BinaryIO, offset: int, data: bytes) -> None:
    file.write(data)


def _drain(steps: Generator[Progress, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: T = end.value
            return answer
