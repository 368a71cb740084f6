"""Frames: the protocol between front process and worker over a pipe.

A frame is 4 bytes of length (big-endian, tag and body), one tag byte and a body of protobuf bytes.
"""

from __future__ import annotations

import asyncio
import struct
from typing import BinaryIO, Literal, cast, get_args

Tag = Literal["query", "ready", "progress", "result", "error", "beat", "tenant", "fit", "without", "predict"]
"""`predict` is a `query` whose caller is told of no progress."""

MAX_BYTES = 1 << 30
"""A longer frame means that the other side is out of step."""

_LENGTH = struct.Struct(">I")
_BYTES: dict[Tag, bytes] = {
    tag: bytes([number]) for number, tag in enumerate(cast("tuple[Tag, ...]", get_args(Tag)), start=1)
}
_TAGS = {code[0]: tag for tag, code in _BYTES.items()}


class FrameError(Exception):
    """The other side ended in the middle of a frame, or sent something else than frames."""


def pack(tag: Tag, body: bytes = b"") -> bytes:
    """The bytes of one frame."""
    return _LENGTH.pack(len(body) + 1) + _BYTES[tag] + body


def read(pipe: BinaryIO) -> tuple[Tag, bytes] | None:
    """The next frame, or None at the end of the pipe.

    Raises:
        FrameError: see there.
    """
    head = _exactly(pipe, _LENGTH.size)
    if not head:
        return None
    return _unpack(_exactly(pipe, _length(head)), _length(head))


async def read_async(pipe: asyncio.StreamReader) -> tuple[Tag, bytes] | None:
    """`read` for the event loop."""
    try:
        head = await pipe.readexactly(_LENGTH.size)
        length = _length(head)
        return _unpack(await pipe.readexactly(length), length)
    except asyncio.IncompleteReadError as error:
        if not error.partial and error.expected == _LENGTH.size:
            return None
        raise FrameError("the pipe ended in the middle of a frame") from error


def _length(head: bytes) -> int:
    if len(head) < _LENGTH.size:
        raise FrameError("the pipe ended in the middle of a frame")
    length = int(_LENGTH.unpack(head)[0])
    if not 1 <= length <= MAX_BYTES:
        raise FrameError(f"a frame of {length} bytes; frames have 1 to {MAX_BYTES}")
    return length


def _unpack(raw: bytes, length: int) -> tuple[Tag, bytes]:
    if len(raw) < length:
        raise FrameError("the pipe ended in the middle of a frame")
    tag = _TAGS.get(raw[0])
    if tag is None:
        raise FrameError(f"unknown frame tag {raw[0]}")
    return tag, raw[1:]


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    """`count` bytes, fewer at the end of the pipe only."""
    parts = []
    while count:
        part = pipe.read(count)
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
