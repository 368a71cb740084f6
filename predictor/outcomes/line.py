"""OutcomeLine: outcomes as they lie in a file, one line of JSON each, with its content id."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from predictor.errors import InputError
from predictor.folders import fsync_folder, storage_error
from predictor.outcomes.outcome import Outcome, content_id

LONGEST = 16 << 10
"""Bytes of one outcome as JSON."""


def write_line(name: str, outcome: Outcome) -> bytes:
    """The line of an outcome with this id.

    Raises:
        InputError: it is longer than `LONGEST`.
    """
    line = json.dumps({"id": name, **outcome.to_dict()}, ensure_ascii=True, allow_nan=False).encode() + b"\n"
    if len(line) > LONGEST:
        raise InputError(
            f"an outcome of task {outcome.task[:40]!r} takes {len(line)} bytes; at most {LONGEST} are kept. Shorten "
            "its names, or give fewer predictions.",
            reason="BAD_OUTCOME",
        )
    return line


def peek_line(line: bytes) -> tuple[str, dict[str, Any]] | None:
    """Id and JSON object of a line, at a third of the cost of `read_line`; None where it is not what was written."""
    if not line.endswith(b"\n"):
        return None
    try:
        raw = json.loads(line)
        name = raw.pop("id")
        return (name, raw) if content_id(raw) == name else None
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None


def read_line(line: bytes) -> tuple[str, Outcome] | None:
    """Id and outcome of a line; None where it is not the whole of what was written."""
    peeked = peek_line(line)
    if peeked is None:
        return None
    name, raw = peeked
    try:
        outcome = Outcome.from_dict(raw)
    except (AttributeError, TypeError, InputError):
        return None
    return (name, outcome) if outcome.to_dict() == raw else None


def lines_of(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The lines between two bytes of a file, the last one perhaps without its end."""
    file.seek(start)
    while start < end and (line := file.readline(end - start)):
        start += len(line)
        yield line


def append_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Append lines to a file and wait for the disk; where it refuses, the file is cut back to what it was.

    Raises:
        LimitError, UnavailableError: the disk is full, or the folder cannot be written.
    """
    created = not path.exists()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            before = os.fstat(handle).st_size
            try:
                _write_all(handle, b"".join(lines))
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)
        if created:
            fsync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path.parent) from error


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
