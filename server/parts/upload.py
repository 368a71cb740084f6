"""PartUpload: one part on its way in, staged in a file until it is whole and checked."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from predictor.errors import ConflictError, InputError, LimitError, UnavailableError, W2SError
from predictor.folders import storage_error
from protos import convert
from protos.parts import PartManifest
from protos.w2s.v1 import features_pb2 as pb

_BLOCK = 1 << 20


class PartUpload:
    """One part at work: one writer, bytes in order.

    Attributes:
        place: where it will lie.
        complete: whether it was there before a byte came.
    """

    def __init__(self, place: Path, manifest: PartManifest, release: Callable[[PartUpload], None]) -> None:
        self.place = place
        self.complete = False
        self._manifest = manifest
        self._release = release
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._superseded = False
        self._digest = hashlib.sha256()
        self._received = 0

    @property
    def missing(self) -> int:
        """Bytes that have yet to come."""
        return max(0, self._manifest.size - self._received)

    def begin(self) -> None:
        """Read again what an earlier stream left, which is how the digest goes on."""
        with self._lock:
            self.complete = touched(self.place)
            if self.complete:
                return
            self._check_writer()
            try:
                self._handle = os.open(staged(self.place), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                if os.fstat(self._handle).st_size > self._manifest.size:
                    os.ftruncate(self._handle, self._manifest.size)
                while block := os.pread(self._handle, _BLOCK, self._received):
                    self._take(block)
            except OSError as fault:
                raise told(fault) from fault

    def write(self, chunk: pb.FeatureChunk) -> None:
        """Take the next chunk.

        Raises:
            InputError: see `convert.chunk_from_proto`.
            ConflictError: a later stream of the same part took over.
            LimitError, UnavailableError: the disk takes no more.
        """
        with self._lock:
            self._check_writer()
            data = convert.chunk_from_proto(chunk, self._received, self._manifest.size)
            handle = self._writable()
            try:
                left, place = memoryview(data), self._received
                while left:
                    written = os.pwrite(handle, left, place)
                    left, place = left[written:], place + written
            except OSError as fault:
                with contextlib.suppress(OSError):  # the fault that brought us here is the one to tell
                    os.ftruncate(handle, self._received)
                raise told(fault) from fault
            self._take(data)

    def finish(self) -> None:
        """Check the whole and keep it: on disk, folder and all, when this returns.

        Raises:
            InputError: bytes are missing, or they are not those of the digest; the latter are dropped.
            ConflictError, LimitError, UnavailableError: as `write`.
        """
        with self._lock:
            self._check_writer()
            if self.missing:
                raise InputError(
                    f"{self._received} of {self._manifest.size} bytes came; ask where to go on, and send the rest.",
                    reason="UPLOAD_INCOMPLETE",
                    field="chunk",
                )
            if self._digest.hexdigest() != self._manifest.sha256:
                with contextlib.suppress(OSError):  # it is refused again if it stays
                    staged(self.place).unlink(missing_ok=True)
                raise InputError(
                    f"the bytes have digest {self._digest.hexdigest()[:12]}…, the manifest says "
                    f"{self._manifest.sha256[:12]}…; they are dropped. Send the part again.",
                    reason="UPLOAD_FINGERPRINT",
                    field="manifest.sha256",
                )
            try:
                os.fsync(self._writable())
                os.replace(staged(self.place), self.place)
                _fsync_folder(self.place.parent)
            except OSError as fault:
                raise told(fault) from fault

    def supersede(self) -> None:
        """Let nobody write through this object any more; a chunk that is being written is finished first."""
        self._superseded = True
        self.close()

    def close(self) -> None:
        """Let go of the file; what came is on disk then."""
        with self._lock:
            if self._handle is not None:
                with contextlib.suppress(OSError):  # what did not reach the disk is found out by its digest
                    os.fdatasync(self._handle)
                os.close(self._handle)
                self._handle = None
        self._release(self)

    def _take(self, data: bytes) -> None:
        self._digest.update(data)
        self._received += len(data)

    def _check_writer(self) -> None:
        if self._superseded:
            raise ConflictError(
                "a later stream of the same part took over; leave it to that one.",
                reason="UPLOAD_SUPERSEDED",
                field="manifest",
            )

    def _writable(self) -> int:
        if self._handle is None:
            raise ConflictError("this upload has ended; begin it again.", reason="UPLOAD_SUPERSEDED", field="manifest")
        return self._handle


def staged(place: Path) -> Path:
    """Where a part lies while it comes."""
    return place.with_suffix(".part")


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def touched(place: Path) -> bool:
    """Remember that a part was asked for; False where there is none."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    except OSError:
        return place.exists()  # a read-only disk still answers
    return True


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def told(fault: OSError) -> W2SError:
    """What the caller is told of a refusing disk, without the server's paths."""
    if storage_error(fault, Path()).reason == "STORAGE_FULL":
        return full()
    return UnavailableError(
        "the server's disk cannot be written; ask its operator, and go on later.", reason="STORAGE_UNWRITABLE"
    )


def full() -> LimitError:
    """What the caller is told of a full disk."""
    return LimitError(
        "the server's disk is full; what came is kept. Delete jobs and feature sets, or ask its operator for room, and "
        "go on.",
        reason="STORAGE_FULL",
    )
