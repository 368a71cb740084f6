"""Entries: the file of one set of features, written and read in blocks so that memory stays flat."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"W2SFEAT1"
_PREFIX = struct.Struct("<8sI")
_SHA = 32
_BLOCK = 1 << 20
_BLOCK_ROWS = 4096
_ALIGNMENT = 64

MAPPED = 64 << 20
"""Bytes from which an entry is mapped instead of read: shorter ones leave no open file behind, longer ones no copy."""


@dataclass(frozen=True, eq=False)
class StoredFeatures:
    """Content of one entry: (n, d) float32 values and what is known about them."""

    values: NDArray[np.float32]
    about: Mapping[str, Any]


def blocks_of(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The rows of an array, some at a time."""
    for start in range(0, len(values), _BLOCK_ROWS):
        yield values[start : start + _BLOCK_ROWS]


def encode(
    key: str, shape: tuple[int, int], blocks: Iterable[NDArray[Any]], about: Mapping[str, Any]
) -> Iterator[bytes | memoryview]:
    """The bytes of an entry: a JSON header, the float32 little-endian rows, the SHA-256 of both.

    Args:
        key: of the entry.
        shape: (n, d).
        blocks: the rows in order, any number at a time, finite in 32 bits.
        about: what is known about them.
    """
    text = json.dumps({"key": key, "shape": list(shape), "dtype": "<f4", "about": dict(about)}, sort_keys=True)
    header = text.encode()
    header += b" " * (-(_PREFIX.size + len(header)) % _ALIGNMENT)  # so that mapped rows are aligned
    digest = hashlib.sha256()
    for chunk in (_PREFIX.pack(_MAGIC, len(header)), header):
        digest.update(chunk)
        yield chunk
    for block in blocks:
        if block.size:
            payload = np.ascontiguousarray(block, dtype="<f4").data.cast("B")
            digest.update(payload)
            yield payload
    yield digest.digest()


def decode(raw: bytes, key: str) -> StoredFeatures | None:
    """The entry, or None where one bit of it is not as it was written."""
    if len(raw) < _PREFIX.size + _SHA or hashlib.sha256(memoryview(raw)[:-_SHA]).digest() != raw[-_SHA:]:
        return None
    magic, length = _PREFIX.unpack_from(raw)
    header = _header(raw[_PREFIX.size : _PREFIX.size + length], magic, key)
    if header is None:
        return None
    rows, columns = header["shape"]
    try:
        values = np.frombuffer(raw, "<f4", rows * columns, _PREFIX.size + length).reshape(rows, columns)
    except ValueError:
        return None
    return StoredFeatures(values, header["about"])


class OpenEntry:
    """An entry that was checked in full and is read in parts. Use it in a `with` block, or close it.

    Attributes:
        shape: (n, d).
        size: bytes of the array.
        sha256: hexadecimal, over these bytes.
        about: what is known of the features.
    """

    def __init__(self, handle: int, start: int, shape: tuple[int, int], sha256: str, about: Mapping[str, Any]) -> None:
        self._handle = handle
        self._start = start
        self.shape = shape
        self.size = shape[0] * shape[1] * 4
        self.sha256 = sha256
        self.about = about

    def __enter__(self) -> OpenEntry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes of the array from a byte on, fewer only at its end."""
        return os.pread(self._handle, max(0, min(size, self.size - offset)), self._start + offset)

    def mapped(self, path: Path) -> StoredFeatures:
        """The rows as a map of the entry's file, read as they are used; valid also once the file is removed."""
        return StoredFeatures(np.memmap(path, np.dtype("<f4"), "r", self._start, self.shape), self.about)

    def close(self) -> None:
        """Close the file; the disk space of a removed entry is then freed."""
        os.close(self._handle)


def read_entry(path: Path, key: str) -> StoredFeatures | None:
    """The entry once all of it was found whole, or None where it is not; a long one is mapped, not copied.

    Raises:
        OSError: it cannot be read.
    """
    if path.stat().st_size < MAPPED:
        return decode(path.read_bytes(), key)
    entry = open_entry(path, key)
    if entry is None:
        return None
    with entry:
        return entry.mapped(path)


def open_entry(path: Path, key: str) -> OpenEntry | None:
    """The entry once all of it has been read and found whole, or None where it is not.

    Raises:
        OSError: it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = _checked(handle, key)
    except BaseException:
        os.close(handle)
        raise
    if found is None:
        os.close(handle)
    return found


def _checked(handle: int, key: str) -> OpenEntry | None:
    size = os.fstat(handle).st_size
    prefix = os.pread(handle, _PREFIX.size, 0)
    if size < _PREFIX.size + _SHA:
        return None
    magic, length = _PREFIX.unpack(prefix)
    start = _PREFIX.size + length
    if start > size - _SHA:
        return None
    raw = os.pread(handle, length, _PREFIX.size)
    whole, payload = hashlib.sha256(prefix + raw), hashlib.sha256()
    for place in range(start, size - _SHA, _BLOCK):
        block = os.pread(handle, min(_BLOCK, size - _SHA - place), place)
        whole.update(block)
        payload.update(block)
    header = _header(raw, magic, key)
    if header is None or whole.digest() != os.pread(handle, _SHA, size - _SHA):
        return None
    rows, columns = header["shape"]
    if rows * columns * 4 != size - _SHA - start:
        return None
    return OpenEntry(handle, start, (rows, columns), payload.hexdigest(), header["about"])


def _header(raw: bytes, magic: bytes, key: str) -> dict[str, Any] | None:
    try:
        header = json.loads(raw)
        rows, columns = header["shape"]
        sound = magic == _MAGIC and header["key"] == key and isinstance(header["about"], dict)
    except (ValueError, KeyError, TypeError):
        return None
    return header if sound and type(rows) is int and type(columns) is int and min(rows, columns) >= 0 else None
