"""Sending: uploads message by message, so that a test can send what no client would."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
import numpy as np
from google.rpc import status_pb2

from client import PredictorClient
from predictor.errors import W2SError
from predictor.store.manifest import Manifest
from protos import convert
from protos.features import MIN_CHUNK
from protos.w2s.v1 import features_pb2 as pb

CHUNK = MIN_CHUNK


def signal(rows: int = 300, dim: int = 1024, seed: int = 0) -> np.ndarray:
    """(rows, dim) float32; five chunks of the smallest size where nothing else is asked."""
    return np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)


def head(manifest: Manifest) -> pb.UploadFeaturesRequest:
    return pb.UploadFeaturesRequest(manifest=convert.manifest_to_proto(manifest))


def chunks(values: np.ndarray, start: int = 0, size: int = CHUNK) -> list[pb.UploadFeaturesRequest]:
    """Every chunk of the array from a byte on."""
    raw = values.tobytes()
    return [
        pb.UploadFeaturesRequest(chunk=convert.chunk_to_proto(place, raw[place : place + size]))
        for place in range(start, len(raw), size)
    ]


def send(client: PredictorClient, messages: Iterable[pb.UploadFeaturesRequest]) -> pb.Features:
    """Upload these messages; raises what the server said, or returns what it kept."""
    try:
        return client.features._stub.UploadFeatures(iter(messages), timeout=120).features
    except grpc.RpcError as error:
        raise error_of(error) from None


def error_of(error: Any) -> W2SError:
    raw = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    assert raw is not None, error
    return convert.error_from_status(status_pb2.Status.FromString(raw))


def details_of(error: Any) -> dict[str, Any]:
    """Every detail of a status by the name of its type; `Unpack` opens it."""
    raw = dict(error.trailing_metadata())["grpc-status-details-bin"]
    return {detail.TypeName(): detail for detail in status_pb2.Status.FromString(raw).details}


def received(client: PredictorClient, manifest: Manifest) -> int:
    """Bytes that the server holds."""
    return client.features._runner.run(client.features._flows.query(manifest))[0]


def download(client: PredictorClient, name: str, offset: int = 0, sha256: str | None = None) -> Iterator[Any]:
    request = pb.DownloadFeaturesRequest(name=name, offset=offset, sha256=sha256)
    try:
        yield from client.features._stub.DownloadFeatures(request, timeout=120)
    except grpc.RpcError as error:
        raise error_of(error) from None


class Slow:
    """Messages that stop after some until they are let go on."""

    def __init__(self, messages: Iterable[pb.UploadFeaturesRequest], after: int) -> None:
        self._go = threading.Event()
        self._messages, self._after = messages, after

    def __iter__(self) -> Iterator[pb.UploadFeaturesRequest]:
        for place, message in enumerate(self._messages):
            if place == self._after:
                self._go.wait(120)
            yield message

    def go_on(self) -> None:
        self._go.set()
