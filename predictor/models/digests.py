"""Digests of model files, remembered by path, size and time so that gigabytes are hashed once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from predictor.errors import LimitError, UnavailableError
from predictor.folders import replace_file


def file_digest(path: Path, cache: Path | None = None) -> str:
    """SHA-256 hex of a file's bytes.

    Args:
        path: the file; links are followed.
        cache: cache folder in which to remember the answer, or None.
    """
    real = path.resolve()
    note = None if cache is None else cache / "digests" / f"{hashlib.sha256(str(real).encode()).hexdigest()}.json"
    with path.open("rb") as file:  # the open file is described and read, even if the name is replaced
        status = os.fstat(file.fileno())
        stamp = [str(real), status.st_size, status.st_mtime_ns]
        remembered = None if note is None else _read_note(note)
        if remembered is not None and remembered[:3] == stamp:
            return str(remembered[3])
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if note is not None:
        try:
            replace_file(note, [json.dumps([*stamp, digest]).encode()])
        except (LimitError, UnavailableError):
            return digest  # only a memory of the answer is lost
    return digest


def files_digest(files: Iterable[Path], cache: Path | None = None) -> str:
    """SHA-256 hex over names and contents of several files, in name order; folders do not count."""
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda file: (file.name, str(file))):
        digest.update(f"{path.name}\0{file_digest(path, cache)}\n".encode())
    return digest.hexdigest()


def _read_note(path: Path) -> list[object] | None:
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return raw if isinstance(raw, list) and len(raw) == 4 else None
