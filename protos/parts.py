"""Parts: the bulky fields of a query, taken out of its message to travel by themselves, and put back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from predictor.errors import InputError
from protos.w2s.v1 import parts_pb2 as pb
from protos.w2s.v1 import query_pb2

_DIGEST = re.compile(r"[0-9a-f]{64}")

MIN_DETACHED = 1024
"""Bytes; a smaller field stays where it is, since its digest and its call would cost as much."""


@dataclass(frozen=True)
class PartManifest:
    """What a part is: equal manifests are the same part.

    Attributes:
        sha256: 64 lower-case hexadecimal digits, over all bytes.
        size: bytes, 1 or more.

    Raises:
        InputError: one of them is not.
    """

    sha256: str
    size: int

    def __post_init__(self) -> None:
        check_digest(self.sha256, "manifest.sha256")
        if self.size < 1:
            raise InputError(
                f"a part of {self.size} bytes cannot be sent; it needs 1 or more.",
                reason="BAD_PART",
                field="manifest.size_bytes",
            )

    @classmethod
    def of(cls, data: bytes) -> PartManifest:
        """The manifest of these bytes."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))


def part_manifest_to_proto(manifest: PartManifest) -> pb.PartManifest:
    """The manifest as a message."""
    return pb.PartManifest(sha256=manifest.sha256, size_bytes=manifest.size)


def part_manifest_from_proto(message: pb.PartManifest) -> PartManifest:
    """The manifest, validated.

    Raises:
        InputError: a malformed digest, or no bytes.
    """
    return PartManifest(message.sha256, message.size_bytes)


def check_digest(text: str, field: str) -> None:
    """Refuse what is no digest, and could be a path.

    Raises:
        InputError: it is none.
    """
    if not _DIGEST.fullmatch(text):
        raise InputError(
            f"{field} has {len(text)} characters; it must be a SHA-256 of 64 lower-case hexadecimal digits.",
            reason="BAD_DIGEST",
            field=field,
        )


def detach(message: query_pb2.RankingQuery, max_bytes: int) -> dict[PartManifest, bytes]:
    """Take the largest fields out of a query until its message has at most `max_bytes` bytes or is stripped.

    The rows go out as the bytes of a `Pool` message, an array as the bytes of its data. Each leaves its digest.

    Returns:
        What must be sent before the message is.
    """
    parts: dict[PartManifest, bytes] = {}
    size = message.ByteSize()
    for holder in sorted(_holders(message), key=_bulk, reverse=True):
        if size <= max_bytes or _bulk(holder) < MIN_DETACHED:
            break
        size -= _bulk(holder)
        if isinstance(holder, query_pb2.Pool):
            data = holder.SerializeToString(deterministic=True)
            holder.Clear()
        else:
            data = holder.data
            holder.ClearField("data")
        manifest = PartManifest.of(data)
        holder.part = manifest.sha256
        parts[manifest] = data
    return parts


def references(message: query_pb2.RankingQuery) -> list[str]:
    """Digests of the parts that a query refers to, as often as it does, in order.

    Raises:
        InputError: one is malformed, or its field has other content too.
    """
    found = []
    for holder in _holders(message):
        if not holder.HasField("part"):
            continue
        check_digest(holder.part, "part")
        if _bulk(holder):
            raise InputError(
                "a field refers to a part and has contents of its own; give one of them.",
                reason="BAD_PART",
                field="part",
            )
        found.append(holder.part)
    return found


def attached(message: query_pb2.RankingQuery) -> tuple[str, ...]:
    """`references`, each once."""
    return tuple(dict.fromkeys(references(message)))


def attach(message: query_pb2.RankingQuery, read: Callable[[str], bytes]) -> query_pb2.RankingQuery:
    """A copy of the query with the parts that it refers to put back.

    Args:
        message: the query.
        read: digest -> bytes; raises where there is no such part.

    Raises:
        InputError: as `attached`, or the rows' part has no rows.
    """
    if not references(message):
        return message
    whole = query_pb2.RankingQuery()
    whole.CopyFrom(message)
    for holder in _holders(whole):
        if not holder.HasField("part"):
            continue
        data = read(holder.part)
        holder.ClearField("part")
        if isinstance(holder, query_pb2.Pool):
            _read_pool(holder, data)
        else:
            holder.data = data
    return whole


def _read_pool(holder: query_pb2.Pool, data: bytes) -> None:
    try:
        holder.ParseFromString(data)
    except DecodeError as error:
        raise InputError(
            "the part of the pool is no Pool message; send its bytes as they are serialised.",
            reason="BAD_PART",
            field="pool.part",
        ) from error
    if holder.HasField("part"):
        raise InputError("the part of the pool refers to another part.", reason="BAD_PART", field="pool.part")


def _holders(message: query_pb2.RankingQuery) -> Iterator[Any]:
    """Every field of a query that may refer to a part, and is there."""
    if message.HasField("pool"):
        yield message.pool
    for spec in (message.strong, *message.weak):
        if spec.HasField("values"):
            yield spec.values
    if message.HasField("labels") and message.labels.HasField("targets"):
        yield message.labels.targets
    for entry in message.weak_labels:
        if entry.HasField("predictions"):
            yield entry.predictions
    for proxy in message.proxies:
        if proxy.HasField("values"):
            yield proxy.values
    if message.HasField("drawn") and message.drawn.HasField("rows"):
        yield message.drawn.rows


def _bulk(holder: Any) -> int:
    """Bytes that would leave with the field."""
    if isinstance(holder, query_pb2.Pool):
        return int(holder.ByteSize()) if holder.ids or holder.texts else 0
    return len(holder.data)
