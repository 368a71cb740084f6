"""PartStore: bytes of each tenant under their SHA-256, in files that outlive the connection and the server."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Set
from dataclasses import replace
from pathlib import Path

from predictor.errors import LimitError, NotFoundError
from predictor.folders import make_private
from predictor.models.unpack_bounds import room
from protos.parts import PartManifest, check_digest
from server.config import Limits
from server.features.stores import tenant_digest
from server.parts.upload import PartUpload, staged, touched
from server.staging import disk_error, full, size_of
from server.usage import UNBOUNDED, Usage


class PartStore:
    """Parts in `folder/TENANT/SHA256`, and beside them `SHA256.part` while they come; for use from threads."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._locks: dict[Path, threading.Lock] = {}
        self._open: dict[Path, PartUpload] = {}

    def received(self, tenant: str, manifest: PartManifest) -> tuple[int, bool]:
        """Bytes that are here, and whether that is all, checked. A part that was asked for is not swept.

        Raises:
            LimitError: it is more than this server takes.
        """
        self._check_size(manifest)
        place = self._place(tenant, manifest.sha256)
        if touched(place):
            return manifest.size, True
        return min(size_of(staged(place)), manifest.size), False

    def used(self, tenant: str) -> int:
        """Bytes of a tenant's parts, stored and as declared."""
        return self._used(self._folder / tenant_digest(tenant))

    def open(self, tenant: str, manifest: PartManifest, usage: Usage = UNBOUNDED) -> PartUpload:
        """Begin or resume an upload; an earlier writer is superseded.

        Args:
            tenant, manifest: whose, and what.
            usage: what the tenant stores.

        Raises:
            LimitError: over the tenant's quota, or the disk has no room for it.
            UnavailableError: the disk cannot be written.
        """
        self._check_size(manifest)
        place = self._place(tenant, manifest.sha256)
        with self._lock(place):
            if not place.exists():
                self._reserve(place, manifest, usage)
            fresh = PartUpload(place, manifest, self._release)
            before, self._open[place] = self._open.get(place), fresh
        try:
            if before is not None:
                before.supersede()
            fresh.begin()
        except BaseException:
            fresh.close()
            raise
        return fresh

    def size(self, tenant: str, sha256: str) -> int:
        """Bytes of a part.

        Raises:
            NotFoundError: no such part of this tenant.
        """
        place = self._place(tenant, sha256)
        if not place.exists():
            raise _absent(sha256)
        return size_of(place)

    def read(self, tenant: str, sha256: str) -> bytes:
        """See `read_part`."""
        return read_part(self._folder, tenant, sha256)

    def sweep(self, referenced: Set[tuple[str, str]]) -> int:
        """Drop parts that no job refers to and that were not used for `part_keep_seconds`; returns bytes freed.

        Args:
            referenced: tenants and digests that jobs refer to.
        """
        safe = {self._place(tenant, sha256) for tenant, sha256 in referenced}
        before, freed = time.time() - self._limits.part_keep_seconds, 0
        for path in self._folder.glob("*/*"):
            place = path.with_suffix("")
            # One that has just been completed has no part file.
            with self._lock(place), contextlib.suppress(OSError):
                if place in self._open or (path == place and place in safe):
                    continue
                found = path.stat()
                if found.st_mtime < before:
                    path.unlink()
                    freed += found.st_size
        return freed

    def _used(self, folder: Path, without: Path | None = None) -> int:
        """Bytes in a tenant's folder, and those that its open uploads declare, but for one part."""
        others = (path for path in folder.glob("*") if without is None or path != staged(without))
        open_ = [one for one in list(self._open.values()) if one.place.parent == folder and one.place != without]
        return sum(size_of(path) for path in others) + sum(one.missing for one in open_)

    def _lock(self, place: Path) -> threading.Lock:
        """Of the parts of a tenant: those of another do not wait."""
        return self._locks.setdefault(place.parent, threading.Lock())

    def _place(self, tenant: str, sha256: str) -> Path:
        return _place(self._folder, tenant, sha256)

    def _check_size(self, manifest: PartManifest) -> None:
        max_bytes = self._limits.max_part_bytes
        if manifest.size > max_bytes:
            raise LimitError(
                f"a part has {manifest.size} bytes; this server takes at most {max_bytes}. Give fewer rows with "
                "--max-rows, "
                "or push features with w2s features push.",
                reason="OVER_LIMIT",
                field="manifest.size_bytes",
            )

    def _release(self, upload: PartUpload) -> None:
        with self._lock(upload.place):
            if self._open.get(upload.place) is upload:
                del self._open[upload.place]

    def _reserve(self, place: Path, manifest: PartManifest, usage: Usage) -> None:
        """Refuse what cannot end before it begins: those at work count as if they were complete."""
        try:
            make_private(place.parent)
            stored = self._used(place.parent, place)
            replace(usage, parts=stored).check(manifest.size, "manifest")
            max_bytes = self._limits.tenant_part_bytes
            if stored + manifest.size > max_bytes:
                raise LimitError(
                    f"your parts take {stored} bytes, and this one needs {manifest.size}; this server allows "
                    f"{max_bytes}. Delete finished jobs; their parts go some time later.",
                    reason="PARTS_QUOTA",
                    field="manifest",
                )
            if room(place.parent) < manifest.size - size_of(staged(place)):
                raise full()
        except OSError as error:
            raise disk_error(error) from error


def read_part(folder: Path, tenant: str, sha256: str) -> bytes:
    """A part, checked against its digest.

    Raises:
        NotFoundError: no such part of this tenant, or it was damaged.
    """
    check_digest(sha256, "part")
    place = _place(folder, tenant, sha256)
    try:
        data = place.read_bytes()
    except OSError:
        raise _absent(sha256) from None
    if hashlib.sha256(data).hexdigest() != sha256:
        with contextlib.suppress(OSError):  # a read-only disk keeps it, and it is refused again
            place.unlink()
        raise _absent(sha256)
    touched(place)
    return data


def _place(folder: Path, tenant: str, sha256: str) -> Path:
    return folder / tenant_digest(tenant) / sha256


def _absent(sha256: str) -> NotFoundError:
    return NotFoundError(
        f"there is no part {sha256[:12]}… of yours here; send it with UploadPart before the request that refers to it.",
        reason="PART_MISSING",
        field="part",
    )
