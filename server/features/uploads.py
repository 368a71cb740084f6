"""Uploads: feature sets on their way in, staged in files that outlive the connection and the server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from dataclasses import replace
from pathlib import Path

from predictor.errors import LimitError, W2SError
from predictor.folders import make_private
from predictor.models.unpack_bounds import room
from predictor.store.features import FeatureStore
from predictor.store.manifest import Manifest
from predictor.store.named_features import NamedFeatures
from server.config import Limits
from server.features.stores import feature_store, tenant_digest
from server.features.upload import FeatureUpload, declaration, drop, stored_features
from server.staging import disk_error, full, size_of
from server.usage import UNBOUNDED, Usage


class Uploads:
    """Every upload that has begun, by tenant; for use from threads.

    Received bytes are in `folder/TENANT/KEY.part`; `KEY.json` beside it records how many were declared.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._locks: dict[Path, threading.Lock] = {}
        self._open: dict[Path, FeatureUpload] = {}

    def received(self, tenant: str, manifest: Manifest) -> tuple[int, NamedFeatures | None]:
        """Bytes that are here, and the set where it is complete.

        Raises:
            LimitError: it is more than this server allows.
        """
        check_size(manifest, self._limits)
        found = stored_features(feature_store(tenant), manifest)
        if found is not None:
            return manifest.size, found
        return min(size_of(self._place(tenant, manifest)), manifest.size), None

    def used(self, tenant: str) -> int:
        """Bytes of a tenant's feature sets, stored and as declared."""
        return _stored(feature_store(tenant)) + sum(_declared(part) for part in self._folder_of(tenant).glob("*.part"))

    def open(self, tenant: str, manifest: Manifest, usage: Usage = UNBOUNDED) -> FeatureUpload:
        """Begin or resume an upload; an earlier writer is superseded.

        Args:
            tenant, manifest: whose, and what.
            usage: what the tenant stores.

        Raises:
            LimitError: over the tenant's quota, or the disk has no room for it.
            UnavailableError: the disk cannot be written.
        """
        check_size(manifest, self._limits)
        store, place = feature_store(tenant), self._place(tenant, manifest)
        with self._lock(place):
            if stored_features(store, manifest) is None:
                self._reserve(store, place, manifest, usage)
            fresh = FeatureUpload(place, manifest, store, self._release)
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
        """Drop uploads that were not resumed for `upload_keep_seconds`; returns how many."""
        before, dropped = time.time() - self._limits.upload_keep_seconds, 0
        for part in self._folder.glob("*/*.part"):
            # An upload that has just been completed has no part file.
            with self._lock(part), contextlib.suppress(OSError):
                if part not in self._open and part.stat().st_mtime < before:
                    drop(part)
                    dropped += 1
        return dropped

    def _place(self, tenant: str, manifest: Manifest) -> Path:
        name = hashlib.sha256(f"{manifest.name}\n{manifest.key}".encode()).hexdigest()
        return self._folder_of(tenant) / f"{name}.part"

    def _folder_of(self, tenant: str) -> Path:
        return self._folder / tenant_digest(tenant)

    def _lock(self, place: Path) -> threading.Lock:
        """Of the uploads of a tenant: those of another do not wait."""
        return self._locks.setdefault(place.parent, threading.Lock())

    def _release(self, upload: FeatureUpload) -> None:
        with self._lock(upload.place):
            if self._open.get(upload.place) is upload:
                del self._open[upload.place]

    def _reserve(self, store: FeatureStore, place: Path, manifest: Manifest, usage: Usage) -> None:
        """Declare the upload's bytes before any comes, so that what cannot end is not begun."""
        stored = manifest.rows * manifest.dim * 4
        declared = sum(_declared(part) for part in place.parent.glob("*.part") if part != place)
        used = _stored(store, manifest.name)
        replace(usage, features=used + declared).check(stored, "manifest")
        max_bytes = self._limits.tenant_feature_bytes
        if used + declared + stored > max_bytes:
            raise LimitError(
                f"{manifest.name!r} needs {stored} bytes; {used} of {max_bytes} are taken and {declared} promised "
                "to other "
                "uploads. Delete a feature set first.",
                reason="FEATURES_QUOTA",
                field="manifest",
            )
        try:
            make_private(place.parent)
            make_private(store.folder)
            missing = manifest.size - size_of(place)
            together = place.parent.stat().st_dev == store.folder.stat().st_dev
            for folder, needed in ((place.parent, missing + stored * together), (store.folder, stored)):
                if room(folder) < needed:
                    raise full()
            declaration(place).write_text(json.dumps({"bytes": stored}))  # not synced: see `_declared`
            place.touch(mode=0o600)
        except (OSError, W2SError) as error:
            raise disk_error(error) from error


def check_size(manifest: Manifest, limits: Limits) -> None:
    """Refuse what is more than this server allows, by its declared sizes.

    Raises:
        LimitError: too many rows, columns or bytes.
    """
    for found, limit, what in (
        (manifest.rows, limits.max_rows, "rows"),
        (manifest.dim, limits.max_dimensions, "dimensions"),
        (manifest.size, limits.max_feature_bytes, "bytes"),
    ):
        if found > limit:
            raise LimitError(
                f"{manifest.name!r} has {found} {what}; this server stores at most {limit} in one feature set.",
                reason="OVER_LIMIT",
                field="manifest",
            )


def _stored(store: FeatureStore, without: str = "") -> int:
    return sum(one.size for one in store.ls() if one.name != without)


def _declared(part: Path) -> int:
    try:
        return int(json.loads(declaration(part).read_bytes())["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return size_of(part)  # a declaration that a power cut destroyed
