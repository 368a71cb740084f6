"""Features: manifests, chunks and stored feature sets, to and from their wire form."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from predictor.errors import InputError
from predictor.store.entries import OpenEntry
from predictor.store.manifest import Manifest
from predictor.store.named_features import NamedFeatures
from protos.tensors import dtype_from_proto, dtype_to_proto
from protos.w2s.v1 import features_pb2 as pb

MIN_CHUNK = 256 << 10
"""Bytes; only the last chunk of an array may be shorter."""

MAX_CHUNK = 1 << 20
"""Bytes."""


@dataclass(frozen=True)
class FeatureDescription:
    """What a download brings.

    Attributes:
        features: the set.
        size: bytes of the array, (rows, dim) float32.
        sha256: hexadecimal, over these bytes.
        about: `fingerprint` and, where known, `rows_sha256`, `layer`, `parameters` and `depth`.
    """

    features: NamedFeatures
    size: int
    sha256: str
    about: Mapping[str, Any]


def manifest_to_proto(manifest: Manifest) -> pb.FeatureManifest:
    """The manifest as a message."""
    return pb.FeatureManifest(
        name=manifest.name,
        shape=manifest.shape,
        dtype=dtype_to_proto(manifest.dtype, "dtype"),
        fingerprint=manifest.fingerprint,
        rows_sha256=manifest.rows_sha256,
        layer=manifest.layer,
        parameters=manifest.parameters,
        depth=manifest.depth,
        labels=manifest.labels,
    )


def manifest_from_proto(message: pb.FeatureManifest) -> Manifest:
    """The manifest, validated.

    Raises:
        InputError: a part is missing or malformed.
    """
    return Manifest(
        name=message.name,
        shape=tuple(message.shape),
        dtype=dtype_from_proto(message.dtype, "dtype"),
        fingerprint=message.fingerprint,
        rows_sha256=message.rows_sha256 if message.HasField("rows_sha256") else None,
        layer=message.layer if message.HasField("layer") else None,
        parameters=message.parameters if message.HasField("parameters") else None,
        depth=message.depth if message.HasField("depth") else None,
        labels=dict(message.labels),
    )


def chunk_to_proto(offset: int, data: bytes) -> pb.FeatureChunk:
    """Consecutive bytes of an array as a message that shows whether it was damaged on its way."""
    return pb.FeatureChunk(offset=offset, data=data, crc32=zlib.crc32(data))


def chunk_from_proto(message: pb.FeatureChunk, expected: int, size: int) -> bytes:
    """The bytes of a chunk.

    Args:
        message: the chunk.
        expected: bytes that came before it.
        size: bytes of the whole array.

    Raises:
        InputError: another place (`UPLOAD_OFFSET`), a length that is not allowed (`UPLOAD_CHUNK`), or bytes that
            are not those that were sent (`UPLOAD_CHECKSUM`).
    """
    length = len(message.data)
    if message.offset != expected:
        raise InputError(
            f"a chunk starts at byte {message.offset}, and {expected} are here; go on from there.",
            reason="UPLOAD_OFFSET",
            field="chunk.offset",
        )
    if expected + length > size or length > MAX_CHUNK or length < min(MIN_CHUNK, size - expected) or not length:
        raise InputError(
            f"a chunk at byte {expected} of {size} has {length} bytes; chunks have {MIN_CHUNK} to {MAX_CHUNK}, the "
            "last one what is left.",
            reason="UPLOAD_CHUNK",
            field="chunk.data",
        )
    if zlib.crc32(message.data) != message.crc32:
        raise InputError(
            f"the chunk at byte {expected} was damaged on its way: its checksum differs. Send it again.",
            reason="UPLOAD_CHECKSUM",
            field="chunk.crc32",
        )
    return bytes(message.data)


def features_to_proto(features: NamedFeatures) -> pb.Features:
    """The stored set as a message; its key stays with the server."""
    return pb.Features(
        name=features.name,
        rows=features.rows,
        dim=features.dim,
        stored_bytes=features.size,
        rows_sha256=features.rows_sha256,
        labels=features.labels,
    )


def features_from_proto(message: pb.Features) -> NamedFeatures:
    """The stored set; its key is empty."""
    return NamedFeatures(
        name=message.name,
        key="",
        rows=message.rows,
        dim=message.dim,
        size=message.stored_bytes,
        rows_sha256=message.rows_sha256 if message.HasField("rows_sha256") else None,
        labels=dict(message.labels),
    )


def description_to_proto(features: NamedFeatures, entry: OpenEntry) -> pb.FeatureDescription:
    """What a download of this entry brings."""
    layer, parameters, depth = (entry.about.get(name) for name in ("layer", "parameters", "depth"))
    return pb.FeatureDescription(
        features=features_to_proto(features),
        array_bytes=entry.size,
        sha256=entry.sha256,
        fingerprint=str(entry.about["fingerprint"]),
        layer=None if layer is None else str(layer),
        parameters=None if parameters is None else int(parameters),
        depth=None if depth is None else float(depth),
    )


def description_from_proto(message: pb.FeatureDescription) -> FeatureDescription:
    """What a download brings, its sizes checked before anything is allocated.

    Raises:
        InputError: sizes that contradict each other.
    """
    features = features_from_proto(message.features)
    if min(features.rows, features.dim) < 1 or features.rows * features.dim * 4 != message.array_bytes:
        raise InputError(
            f"{features.name!r} has {features.rows} rows of {features.dim} float32 in {message.array_bytes} bytes, "
            "which do not agree; is it a w2s server of this version?",
            reason="ARRAY_SHAPE",
            field="description",
        )
    known: dict[str, object] = {"fingerprint": message.fingerprint, "rows_sha256": features.rows_sha256}
    for name in ("layer", "parameters", "depth"):
        if message.HasField(name):
            known[name] = getattr(message, name)
    return FeatureDescription(features, message.array_bytes, message.sha256, known)
