"""Temporary files of unpacking, locked while they are written, so that those of dead processes can be told apart."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from predictor.folders import storage_error

SUFFIX = ".part"
FETCHING = ".fetch-"
"""Prefix of folders into which wheels are downloaded."""


@contextmanager
def temporary(folder: Path, name: str) -> Iterator[tuple[Path, BinaryIO]]:
    """A fresh file in a folder, locked and open for writing; deleted at the end unless it was renamed.

    Raises:
        LimitError, UnavailableError: the disk is full or cannot be written.
    """
    path = folder / f".{name}.{secrets.token_hex(4)}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield path, file
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        with contextlib.suppress(OSError):  # the first error is the one to report
            path.unlink(missing_ok=True)


@contextmanager
def fetching_folder(folder: Path) -> Iterator[Path]:
    """A fresh folder inside another, locked; deleted at the end."""
    path = folder / f"{FETCHING}{secrets.token_hex(4)}"
    path.mkdir(mode=0o700)
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def sweep_leftovers(cache: Path) -> int:
    """Delete the temporary files and folders in a cache whose processes have ended; returns bytes freed."""
    freed = 0
    for path in (*(cache / "unpacked").rglob(f".*{SUFFIX}"), *(cache / "wheels").glob(f"{FETCHING}*")):
        with contextlib.suppress(OSError):  # it has just been renamed, or another process deletes it
            handle = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                freed += size_of_tree(path)
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            finally:
                os.close(handle)
    return freed


def size_of_tree(path: Path) -> int:
    """Bytes of a file, or of the files in a folder; those that vanish meanwhile are not counted."""
    total = 0
    for one in (path, *path.rglob("*")) if path.is_dir() else (path,):
        with contextlib.suppress(OSError):
            total += one.lstat().st_size if not one.is_dir() else 0
    return total
