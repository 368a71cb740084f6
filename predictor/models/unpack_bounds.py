"""Bounds on what an archive may write: bytes, ratio to what is packed, and the space that stays free on the disk."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from predictor.errors import LimitError, RefusedError

MAX_BYTES = "W2S_MAX_UNPACKED_BYTES"
"""Bytes that one model may unpack to, or one wheel may have; 64 GiB where not set."""

MAX_RATIO = 100
"""Unpacked to packed bytes. Weights pack to half their size or more."""

UNCHECKED = 16 << 20
"""Bytes below which the ratio does not matter."""

RESERVE = 1 << 30
"""Bytes of the disk that stay free; a twentieth of the disk where that is less."""

_BLOCK = 1 << 20
_RECHECK = 64 << 20


def max_bytes() -> int:
    """Bytes that one model may unpack to."""
    return int(os.environ.get(MAX_BYTES, "") or 64 << 30)


def room(folder: Path) -> int:
    """Bytes that may be written in a folder, or where it is to be made, without touching the reserve."""
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.free - min(RESERVE, usage.total // 20)


def check_members(members: Sequence[zipfile.ZipInfo], archive: Path, folder: Path) -> None:
    """Refuse members whose declared sizes are more than may be written.

    Raises:
        LimitError: more bytes than allowed, or than the disk has room for.
        RefusedError: the archive packs them too well to be weights.
    """
    declared = sum(member.file_size for member in members)
    # Members may share packed bytes, so together they have no more than the archive.
    packed = min(sum(member.compress_size for member in members), archive.stat().st_size)
    if declared > max_bytes():
        raise LimitError(
            f"{archive.name} unpacks to {declared} bytes; at most {max_bytes()} are allowed. Choose a smaller model, "
            f"or have the operator raise the limit (max_unpacked_bytes of a server, {MAX_BYTES} elsewhere).",
            reason="MODEL_TOO_LARGE",
            field="model",
        )
    if declared > max(UNCHECKED, MAX_RATIO * packed):
        raise RefusedError(
            f"{archive.name} unpacks to {declared} bytes, {declared // max(1, packed)} times as large as it is packed; "
            f"at most {MAX_RATIO} times are allowed. It is no archive of weights.",
            reason="UNSAFE_ARCHIVE",
            field="model",
        )
    _check_room(declared, folder)


def copy(source: BinaryIO, sink: BinaryIO, size: int, archive: Path, folder: Path) -> None:
    """Copy a member of `size` declared bytes.

    Raises:
        RefusedError: it has more bytes than declared, or cannot be read.
        LimitError: the disk has filled up meanwhile.
    """
    written = 0
    try:
        while block := source.read(_BLOCK):
            if written + len(block) > size:
                raise zipfile.BadZipFile("more bytes than declared")
            if written % _RECHECK == 0:
                _check_room(len(block), folder)
            sink.write(block)
            written += len(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise RefusedError(
            f"{archive.name} is damaged ({error}); delete it and fetch it again.",
            reason="ARCHIVE_UNREADABLE",
            field="model",
        ) from error


def _check_room(size: int, folder: Path) -> None:
    if size > room(folder):
        raise LimitError(
            f"{size} bytes are to be written, and {max(0, room(folder))} may be: the rest of the disk must stay free. "
            "Free some space, or choose a smaller model.",
            reason="STORAGE_FULL",
            field="model",
        )
