"""PartUpload: one part on its way in, staged in a file until it is whole and checked."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from predictor.errors import InputError
from predictor.folders import fsync_folder
from protos.parts import PartManifest
from protos.w2s.v1 import features_pb2 as pb
from server.staging import StagedFile, disk_error


class PartUpload:
    """One part at work: one writer, bytes in order.

    Attributes:
        place: its final file.
        complete: whether it was there before a byte came.
    """

    def __init__(self, place: Path, manifest: PartManifest, release: Callable[[PartUpload], None]) -> None:
        self.place = place
        self.complete = False
        self._manifest = manifest
        self._release = release
        self._digest = hashlib.sha256()
        self._file = StagedFile(staged(place), manifest.size, "part", self._digest.update)

    @property
    def missing(self) -> int:
        """Bytes that have yet to come."""
        return max(0, self._manifest.size - self._file.received)

    def begin(self) -> None:
        """Read the bytes of an earlier stream again, so that the digest covers them."""
        with self._file.lock:
            self.complete = touched(self.place)
            if not self.complete:
                self._file.begin()

    def write(self, chunk: pb.FeatureChunk) -> None:
        """Take the next chunk; see `StagedFile.write`."""
        self._file.write(chunk)

    def finish(self) -> None:
        """Check the whole and store it, synced to disk with its folder.

        Raises:
            InputError: bytes are missing, or they are not those of the digest; the latter are dropped.
            ConflictError, LimitError, UnavailableError: as `write`.
        """
        with self._file.lock:
            self._file.check_whole()
            if self._digest.hexdigest() != self._manifest.sha256:
                with contextlib.suppress(OSError):  # it is refused again if it stays
                    staged(self.place).unlink(missing_ok=True)
                raise InputError(
                    f"the bytes have digest {self._digest.hexdigest()[:12]}…, the manifest has "
                    f"{self._manifest.sha256[:12]}…; they are dropped. Send the part again.",
                    reason="UPLOAD_FINGERPRINT",
                    field="manifest.sha256",
                )
            try:
                os.fsync(self._file.handle)
                os.replace(staged(self.place), self.place)
                fsync_folder(self.place.parent)
            except OSError as error:
                raise disk_error(error) from error

    def supersede(self) -> None:
        """End writing through this object; a chunk that is being written is finished first."""
        self._file.supersede()
        self.close()

    def close(self) -> None:
        """Close the file; the bytes received are on disk then."""
        self._file.close()
        self._release(self)


def staged(place: Path) -> Path:
    """The file of a part while it is being received."""
    return place.with_suffix(".part")


def touched(place: Path) -> bool:
    """Record that a part was used; False where there is none."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    except OSError:
        return place.exists()  # a read-only disk still answers
    return True
