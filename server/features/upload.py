"""FeatureUpload: one feature set being received, checked chunk by chunk and stored under its name when complete."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import ConflictError, InputError, W2SError
from predictor.store.features import FeatureStore
from predictor.store.manifest import Manifest, Scan
from predictor.store.named_features import NamedFeatures
from protos.w2s.v1 import features_pb2 as pb
from server.staging import BLOCK, StagedFile, disk_error


class FeatureUpload:
    """One upload at work: one writer, bytes in order, checked as they come.

    Attributes:
        place: the staging file.
        features: the set where it was complete before a byte came; None otherwise.
    """

    def __init__(
        self, place: Path, manifest: Manifest, store: FeatureStore, release: Callable[[FeatureUpload], None]
    ) -> None:
        self.place = place
        self.features: NamedFeatures | None = None
        self._manifest = manifest
        self._store = store
        self._release = release
        self._scan = Scan(manifest)
        self._file = StagedFile(place, manifest.size, "upload", self._feed)

    @property
    def received(self) -> int:
        """Bytes that are here."""
        return self._file.received

    def begin(self) -> None:
        """Read the bytes of an earlier stream again, so that the checks cover them.

        Raises:
            InputError: it is not finite after all; it is dropped.
        """
        with self._file.lock:
            self.features = stored_features(self._store, self._manifest)
            if self.features is not None:
                drop(self.place)
                return
            self._file.begin()

    def write(self, chunk: pb.FeatureChunk) -> None:
        """Take the next chunk; see `StagedFile.write`.

        Raises:
            InputError: also where a value is not finite, and all of it is dropped.
        """
        self._file.write(chunk)

    def finish(self) -> NamedFeatures:
        """Check the whole and store it under its name.

        Raises:
            InputError: bytes are missing, or they are not those of the fingerprint; the latter are dropped.
            ConflictError, LimitError, UnavailableError: as `write`.
        """
        manifest = self._manifest
        with self._file.lock:
            self._file.check_whole()
            if self._scan.fingerprint != manifest.fingerprint:
                drop(self.place)
                raise InputError(
                    f"the bytes of {manifest.name!r} have fingerprint {self._scan.fingerprint[:12]}…, the manifest "
                    f"has {manifest.fingerprint[:12]}…; they are dropped. Send the array again.",
                    reason="UPLOAD_FINGERPRINT",
                    field="manifest.fingerprint",
                )
            try:
                self._store.put_named(
                    manifest.name,
                    (manifest.rows, manifest.dim),
                    _blocks(self._file.handle, manifest),
                    manifest.fingerprint,
                    rows_sha256=manifest.rows_sha256,
                    about=manifest.about,
                    labels=manifest.labels,
                )
            except W2SError as error:
                raise disk_error(error) from error
            drop(self.place)
        found = stored_features(self._store, manifest)
        if found is None:
            raise ConflictError(
                f"another set was stored as {manifest.name!r} at the same time; push this one again if it is to stay.",
                reason="UPLOAD_SUPERSEDED",
                field="manifest.name",
            )
        return found

    def supersede(self) -> None:
        """End writing through this object; a chunk that is being written is finished first."""
        self._file.supersede()
        self.close()

    def close(self) -> None:
        """Close the file; the bytes received are on disk then."""
        self._file.close()
        self._release(self)

    def _feed(self, data: bytes) -> None:
        try:
            self._scan.feed(data)
        except InputError:
            drop(self.place)
            raise


def stored_features(store: FeatureStore, manifest: Manifest) -> NamedFeatures | None:
    """The set of that name, where it is the manifest's own."""
    found = store.find(manifest.name)
    return found if found is not None and (found.key, found.labels) == (manifest.key, manifest.labels) else None


def declaration(part: Path) -> Path:
    """The file beside a staged file that records its declared size."""
    return part.with_suffix(".json")


def drop(part: Path) -> None:
    """Forget a staged file and what was declared of it."""
    for path in (part, declaration(part)):
        with contextlib.suppress(OSError):  # a read-only disk keeps it until it expires
            path.unlink(missing_ok=True)


def _blocks(handle: int, manifest: Manifest) -> Iterator[NDArray[Any]]:
    """The rows of the staged array, about a megabyte at a time."""
    width = manifest.dim * manifest.dtype.itemsize
    rows = max(1, BLOCK // width)
    for start in range(0, manifest.rows, rows):
        count = min(rows, manifest.rows - start)
        raw = os.pread(handle, count * width, start * width)
        yield np.frombuffer(raw, manifest.dtype).reshape(count, manifest.dim)
