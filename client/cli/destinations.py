"""Destinations: the files that `-o` and `--html` name, checked before the work and replaced as a whole after it."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from predictor.errors import InputError
from predictor.folders import existing_path

_AROUND_A_PATH = re.compile(r"^(array|onnx|gguf):|(::|#).*$")
"""What a model reference may have before and after its file."""


DESTINATIONS = ("output", "html", "suggestions")
"""Flags that name a file to write."""


def check_destinations(arguments: argparse.Namespace) -> None:
    """Refuse values of `-o`, `--html` and `--suggestions` that cannot or should not be written, before the work.

    Raises:
        InputError: the folder does not exist or is not writable, the path is a folder, or another flag names the file.
            Suggestions may go to the file that --labels reads: they are added to it.
    """
    named = {flag: getattr(arguments, flag, None) for flag in DESTINATIONS}
    paths = [path for path in named.values() if isinstance(path, str)]
    if isinstance(named["suggestions"], str):
        _check_suggestions(named["suggestions"], arguments)
    for path in paths:
        folder = Path(path).absolute().parent
        if path == "-":
            raise _refused("'-' names no file; leave the flag out to have the answer on standard output.")
        if Path(path).is_dir() or not folder.is_dir():
            why = "is a folder" if Path(path).is_dir() else f"is in {str(folder)!r}, which does not exist"
            raise _refused(f"{path!r} {why}; name a file in a folder that exists.")
        if not os.access(folder, os.W_OK):
            raise _refused(f"{str(folder)!r} cannot be written; name another folder.")
        if Path(path).exists() and not os.access(path, os.W_OK):
            raise _refused(f"{path!r} exists and cannot be written; name another file.")
    if len({Path(path).absolute() for path in paths}) < len(paths):
        raise _refused(f"two of -o, --html and --suggestions name {paths[0]!r}; give each a file of its own.")
    for path in (path for flag, path in named.items() if isinstance(path, str) and flag != "suggestions"):
        if any(existing_path(path) and Path(path).samefile(read) for read in _read_by(arguments)):
            raise _refused(f"{path!r} is read by this command, and would be overwritten; name another file.")


def _check_suggestions(path: str, arguments: argparse.Namespace) -> None:
    from predictor.intake.suggestions import check_suggestions

    if getattr(arguments, "suggest_labels", None) is None:
        raise _refused("--suggestions writes the rows that --suggest-labels N names; give both.")
    check_suggestions(path)


def write(path: str, text: str) -> None:
    """Write a file as UTF-8; see `write_bytes`.

    A lone surrogate is a byte of a file name that is not UTF-8. It is written as its escape, such as `\\udce9`,
    which is also its JSON form.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: str, data: bytes) -> None:
    """Write a file so that it has all of the data or its earlier content.

    A temporary file beside it is written and renamed. A device or pipe, such as /dev/stderr, is written directly.

    Raises:
        InputError: the system refuses.
    """
    target = Path(path).resolve()  # a link still points at its file
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        _replace(target, data)
    except OSError as error:
        raise _refused(f"{path!r} cannot be written: {error.strerror}.") from error


def _replace(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".w2s-{secrets.token_hex(6)}.tmp")  # the target's own name may be as long as allowed
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):  # the first error is the one to report
            temporary.unlink(missing_ok=True)


def _refused(message: str) -> InputError:
    return InputError(message, reason="BAD_DESTINATION")


def _read_by(arguments: argparse.Namespace) -> Iterator[Path]:
    """Files that the other flags name, as `FILE`, as `NAME=FILE` or as a model."""
    for flag, value in vars(arguments).items():
        for text in value if isinstance(value, list) else [value]:
            if flag in DESTINATIONS or not isinstance(text, str):
                continue
            for part in (text, text.partition("=")[2]):
                found = existing_path(_AROUND_A_PATH.sub("", part)) if part else None
                if found is not None:
                    yield found
