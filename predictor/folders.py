"""Folders of caches and state, and the replacement of a file so that no reader sees half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

from predictor.errors import LimitError, UnavailableError


def cache_dir() -> Path:
    """Cache, which may be deleted at any time: features, wheels, converted weights.

    `W2S_CACHE_DIR`, else ~/.cache/w2s.
    """
    return _folder("W2S_CACHE_DIR", Path(".cache") / "w2s")


def state_dir() -> Path:
    """State that must not be deleted: jobs, outcomes, tokens. `W2S_STATE_DIR`, else ~/.local/state/w2s."""
    return _folder("W2S_STATE_DIR", Path(".local") / "state" / "w2s")


def _folder(variable: str, default: Path) -> Path:
    named = os.environ.get(variable, "").strip()
    return Path(named).expanduser().absolute() if named else Path.home() / default


def existing_path(text: str) -> Path | None:
    """The absolute path that the user's text names, `~` included; None where nothing is there or nothing could be."""
    try:
        path = Path(text).expanduser()
        return path.absolute() if path.exists() else None
    except (OSError, ValueError, RuntimeError):
        return None  # too long, a NUL inside, or the home of nobody


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for its user alone.

    `mkdir(parents=True, mode=…)` gives the mode to the last one only.

    Raises:
        OSError: one of them cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def check_writable(folder: Path) -> None:
    """Make a folder where it is missing, and check that a file can be written there.

    Raises:
        LimitError, UnavailableError: as `replace_file`.
    """
    try:
        make_private(folder)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"?")
    except OSError as error:
        raise storage_error(error, folder) from error


def replace_file(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut.

    A temporary file in the same folder is written, fsynced and renamed, then the folder is fsynced.

    Raises:
        LimitError: the disk is full (`STORAGE_FULL`).
        UnavailableError: the folder cannot be written (`STORAGE_UNWRITABLE`).
    """
    temporary = path.parent / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    try:
        make_private(path.parent)
        with temporary.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        fsync_folder(path.parent)
    except OSError as error:
        _drop(temporary)
        raise storage_error(error, path.parent) from error
    except BaseException:
        _drop(temporary)
        raise


def storage_error(error: OSError, folder: Path) -> LimitError | UnavailableError:
    """The caller's view of a failed write: full, or not writable."""
    what, variable = ("state", "W2S_STATE_DIR") if folder.is_relative_to(state_dir()) else ("cache", "W2S_CACHE_DIR")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LimitError(
            f"the disk behind {folder} is full; free some space, run `w2s features gc`, or move the {what} with "
            f"{variable}.",
            reason="STORAGE_FULL",
        )
    return UnavailableError(
        f"{folder} cannot be written ({error.strerror}); make it writable or move the {what} with {variable}.",
        reason="STORAGE_UNWRITABLE",
    )


def _drop(temporary: Path) -> None:
    with contextlib.suppress(OSError):  # the error that led here is the one to report
        temporary.unlink(missing_ok=True)


def fsync_folder(folder: Path) -> None:
    """Wait until the list of files of the folder is on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def touch(path: Path) -> None:
    """Set its time of last use, which sweeps go by; a read-only folder stays as it is."""
    with contextlib.suppress(OSError):
        os.utime(path)


def discard(path: Path) -> int:
    """Delete a file; returns its bytes, 0 where another process was faster."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size
