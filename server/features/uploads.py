"""Uploads: feature sets on their way in, staged in files that outlive the connection and the server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import ConflictError, InputError, LimitError, UnavailableError, W2SError
from predictor.folders import replace_file, storage_error
from predictor.store.features import FeatureStore, NamedFeatures
from predictor.store.manifest import Manifest, Scan
from protos import convert
from protos.w2s.v1 import features_pb2 as pb
from server.config import Limits
from server.features.stores import feature_store, tenant_digest

_BLOCK = 1 << 20


class Uploads:
    """Every upload that has begun, by tenant; for use from threads.

    Bytes lie in `folder/TENANT/KEY.part` as they came; beside them `KEY.json` says how many were declared.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._lock = threading.Lock()
        self._open: dict[Path, Upload] = {}

    def received(self, tenant: str, manifest: Manifest) -> tuple[int, NamedFeatures | None]:
        """Bytes that are here, and the set where it is complete.

        Raises:
            LimitError: it is more than this server keeps.
        """
        check_size(manifest, self._limits)
        kept = _kept(feature_store(tenant), manifest)
        if kept is not None:
            return manifest.size, kept
        return min(_size(self._place(tenant, manifest)), manifest.size), None

    def open(self, tenant: str, manifest: Manifest) -> Upload:
        """Begin an upload or go on with it. Whoever wrote to it before can no longer.

        Raises:
            LimitError: over the tenant's quota, or the disk has no room for it.
            UnavailableError: the disk cannot be written.
        """
        check_size(manifest, self._limits)
        store, place = feature_store(tenant), self._place(tenant, manifest)
        self.expire()
        with self._lock:
            if _kept(store, manifest) is None:
                self._reserve(store, place, manifest)
            fresh = Upload(place, manifest, store, self._release)
            before, self._open[place] = self._open.get(place), fresh
        try:
            if before is not None:
                before.supersede()
            fresh.begin()
        except BaseException:
            fresh.close()
            raise
        return fresh

    def expire(self) -> int:
        """Drop uploads that nobody went on with for `upload_keep_seconds`; returns how many."""
        before, dropped = time.time() - self._limits.upload_keep_seconds, 0
        with self._lock:
            for part in self._folder.glob("*/*.part"):
                with contextlib.suppress(OSError):  # an upload that has just been completed is gone by itself
                    if part not in self._open and part.stat().st_mtime < before:
                        _drop(part)
                        dropped += 1
        return dropped

    def _place(self, tenant: str, manifest: Manifest) -> Path:
        name = hashlib.sha256(f"{manifest.name}\n{manifest.key}".encode()).hexdigest()
        return self._folder / tenant_digest(tenant) / f"{name}.part"

    def _release(self, upload: Upload) -> None:
        with self._lock:
            if self._open.get(upload.place) is upload:
                del self._open[upload.place]

    def _reserve(self, store: FeatureStore, place: Path, manifest: Manifest) -> None:
        """Declare the upload's bytes before any comes, so that what cannot end is not begun."""
        stored = manifest.rows * manifest.dim * 4
        declared = sum(_declared(part) for part in place.parent.glob("*.part") if part != place)
        used = sum(one.size for one in store.ls() if one.name != manifest.name)
        most = self._limits.tenant_feature_bytes
        if used + declared + stored > most:
            raise LimitError(
                f"{manifest.name!r} needs {stored} bytes; {used} of {most} are taken and {declared} promised to other "
                "uploads. Delete a feature set first.",
                reason="FEATURES_QUOTA",
                field="manifest",
            )
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            store.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            missing = manifest.size - _size(place)
            together = place.parent.stat().st_dev == store.folder.stat().st_dev
            for folder, needed in ((place.parent, missing + stored * together), (store.folder, stored)):
                if shutil.disk_usage(folder).free < needed:
                    raise _full()
            replace_file(_card(place), [json.dumps({"bytes": stored}).encode()])
            place.touch(mode=0o600)
        except (OSError, W2SError) as fault:
            raise _told(fault) from fault


class Upload:
    """One upload at work: one writer, bytes in order, checked as they come.

    Attributes:
        place: the staging file.
        features: the set where it was complete before a byte came; None otherwise.
        received: bytes that are here.
    """

    def __init__(self, place: Path, manifest: Manifest, store: FeatureStore, release: Any) -> None:
        self.place = place
        self.features: NamedFeatures | None = None
        self._manifest = manifest
        self._store = store
        self._release = release
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._superseded = False
        self._scan = Scan(manifest)

    @property
    def received(self) -> int:
        """Bytes that are here."""
        return self._scan.received

    def begin(self) -> None:
        """Read again what an earlier stream left, which is how its checks go on.

        Raises:
            InputError: it is not finite after all; it is dropped.
        """
        with self._lock:
            self.features = _kept(self._store, self._manifest)
            if self.features is not None:
                _drop(self.place)
                return
            self._check_writer()
            try:
                self._handle = os.open(self.place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                if os.fstat(self._handle).st_size > self._manifest.size:
                    os.ftruncate(self._handle, self._manifest.size)
                while block := os.pread(self._handle, _BLOCK, self.received):
                    self._feed(block)
            except OSError as fault:
                raise _told(fault) from fault

    def write(self, chunk: pb.FeatureChunk) -> None:
        """Take the next chunk.

        Raises:
            InputError: see `convert.chunk_from_proto`; or a value is not finite, and all of it is dropped.
            ConflictError: a later stream of the same upload took over.
            LimitError, UnavailableError: the disk takes no more.
        """
        with self._lock:
            self._check_writer()
            data = convert.chunk_from_proto(chunk, self.received, self._manifest.size)
            try:
                _write(self._writable(), data, self.received)
            except OSError as fault:
                with contextlib.suppress(OSError):  # the fault that brought us here is the one to tell
                    os.ftruncate(self._writable(), self.received)
                raise _told(fault) from fault
            self._feed(data)

    def finish(self) -> NamedFeatures:
        """Check the whole and keep it under its name.

        Raises:
            InputError: bytes are missing, or they are not those of the fingerprint; the latter are dropped.
            ConflictError, LimitError, UnavailableError: as `write`.
        """
        with self._lock:
            self._check_writer()
            manifest = self._manifest
            if self.received != manifest.size:
                raise InputError(
                    f"{self.received} of {manifest.size} bytes came; ask where to go on, and send the rest.",
                    reason="UPLOAD_INCOMPLETE",
                    field="chunk",
                )
            if self._scan.fingerprint != manifest.fingerprint:
                _drop(self.place)
                raise InputError(
                    f"the bytes of {manifest.name!r} have fingerprint {self._scan.fingerprint[:12]}…, the manifest "
                    f"says {manifest.fingerprint[:12]}…; they are dropped. Send the array again.",
                    reason="UPLOAD_FINGERPRINT",
                    field="manifest.fingerprint",
                )
            try:
                self._store.keep(
                    manifest.name,
                    (manifest.rows, manifest.dim),
                    _blocks(self._writable(), manifest),
                    manifest.fingerprint,
                    rows_sha256=manifest.rows_sha256,
                    about=manifest.about,
                )
            except W2SError as fault:
                raise _told(fault) from fault
            _drop(self.place)
        kept = _kept(self._store, manifest)
        if kept is None:
            raise ConflictError(
                f"another set was kept as {manifest.name!r} at the same time; push this one again if it is to stay.",
                reason="UPLOAD_SUPERSEDED",
                field="manifest.name",
            )
        return kept

    def supersede(self) -> None:
        """Let nobody write through this object any more; a chunk that is being written is finished first."""
        self._superseded = True
        self.close()

    def close(self) -> None:
        """Let go of the file; what came is on disk then."""
        with self._lock:
            if self._handle is not None:
                with contextlib.suppress(OSError):  # what did not reach the disk is found out by its fingerprint
                    if os.fstat(self._handle).st_nlink:  # else it is kept or dropped already
                        os.fdatasync(self._handle)
                os.close(self._handle)
                self._handle = None
        self._release(self)

    def _feed(self, data: bytes) -> None:
        try:
            self._scan.feed(data)
        except InputError:
            _drop(self.place)
            raise

    def _check_writer(self) -> None:
        if self._superseded:
            raise ConflictError(
                "a later stream of the same upload took over; leave it to that one.",
                reason="UPLOAD_SUPERSEDED",
                field="manifest",
            )

    def _writable(self) -> int:
        if self._handle is None:
            raise ConflictError("this upload has ended; begin it again.", reason="UPLOAD_SUPERSEDED", field="manifest")
        return self._handle


def check_size(manifest: Manifest, limits: Limits) -> None:
    """Refuse what is more than this server keeps, by its declared sizes.

    Raises:
        LimitError: too many rows, columns or bytes.
    """
    for found, most, what in (
        (manifest.rows, limits.max_rows, "rows"),
        (manifest.dim, limits.max_dimensions, "dimensions"),
        (manifest.size, limits.max_feature_bytes, "bytes"),
    ):
        if found > most:
            raise LimitError(
                f"{manifest.name!r} has {found} {what}; this server keeps at most {most} in one feature set.",
                reason="OVER_LIMIT",
                field="manifest",
            )


def _kept(store: FeatureStore, manifest: Manifest) -> NamedFeatures | None:
    found = store.find(manifest.name)
    return found if found is not None and found.key == manifest.key else None


def _blocks(handle: int, manifest: Manifest) -> Iterator[NDArray[Any]]:
    """The rows of the staged array, about a megabyte at a time."""
    width = manifest.dim * manifest.dtype.itemsize
    rows = max(1, _BLOCK // width)
    for start in range(0, manifest.rows, rows):
        count = min(rows, manifest.rows - start)
        raw = os.pread(handle, count * width, start * width)
        yield np.frombuffer(raw, manifest.dtype).reshape(count, manifest.dim)


def _write(handle: int, data: bytes, offset: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(handle, left, offset)
        left, offset = left[written:], offset + written


def _card(part: Path) -> Path:
    return part.with_suffix(".json")


def _declared(part: Path) -> int:
    try:
        return int(json.loads(_card(part).read_bytes())["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return _size(part)  # a card that a power cut took


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _drop(part: Path) -> None:
    for path in (part, _card(part)):
        with contextlib.suppress(OSError):  # a read-only disk keeps it until it expires
            path.unlink(missing_ok=True)


def _told(fault: OSError | W2SError) -> W2SError:
    """What the caller is told of a refusing disk, without the server's paths."""
    known = storage_error(fault, Path()) if isinstance(fault, OSError) else fault
    if known.reason == "STORAGE_FULL":
        return _full()
    if known.reason == "STORAGE_UNWRITABLE":
        return UnavailableError(
            "the server's disk cannot be written; ask its operator, and go on later.", reason="STORAGE_UNWRITABLE"
        )
    return known


def _full() -> LimitError:
    return LimitError(
        "the server's disk is full; what came is kept. Delete feature sets, or ask its operator for room, and go on.",
        reason="STORAGE_FULL",
    )
