"""StagedFile: bytes on their way in, in a file that outlives the connection and the server. One writer, in order."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from predictor.errors import ConflictError, InputError, LimitError, UnavailableError, W2SError
from predictor.folders import storage_error
from protos import convert
from protos.w2s.v1 import features_pb2 as pb

BLOCK = 1 << 20


class StagedFile:
    """The file of one upload and the right to write to it.

    Attributes:
        path: the staging file.
        received: bytes that are here.
        lock: taken while bytes are read, written or stored.
    """

    def __init__(self, path: Path, size: int, what: str, take: Callable[[bytes], None]) -> None:
        """Nothing is opened yet.

        Args:
            size: bytes that are to come.
            what: it is, in words for the caller.
            take: receives every block once it is in the file, in order; the bytes of an earlier stream come first.
        """
        self.path = path
        self.received = 0
        self.lock = threading.RLock()
        self._size = size
        self._what = what
        self._take = take
        self._handle: int | None = None
        self._unsynced = False
        self._superseded = False

    def begin(self) -> None:
        """Open the file and read again the bytes of an earlier stream.

        Raises:
            ConflictError: a later stream took over.
            LimitError, UnavailableError: the disk cannot be written.
        """
        with self.lock:
            self.check_writer()
            try:
                self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                if os.fstat(self._handle).st_size > self._size:
                    os.ftruncate(self._handle, self._size)
                while block := os.pread(self._handle, BLOCK, self.received):
                    self._feed(block)
            except OSError as error:
                raise disk_error(error) from error

    def write(self, chunk: pb.FeatureChunk) -> None:
        """Take the next chunk.

        Raises:
            InputError: see `convert.chunk_from_proto`.
            ConflictError: a later stream of the same upload took over.
            LimitError, UnavailableError: the disk takes no more.
        """
        with self.lock:
            self.check_writer()
            data = convert.chunk_from_proto(chunk, self.received, self._size)
            handle, self._unsynced = self.handle, True
            try:
                left, place = memoryview(data), self.received
                while left:
                    written = os.pwrite(handle, left, place)
                    left, place = left[written:], place + written
            except OSError as error:
                with contextlib.suppress(OSError):  # the first error is the one to report
                    os.ftruncate(handle, self.received)
                raise disk_error(error) from error
            self._feed(data)

    def check_whole(self) -> None:
        """Refuse to go on while bytes are missing.

        Raises:
            ConflictError: a later stream took over.
            InputError: bytes are missing.
        """
        self.check_writer()
        if self.received != self._size:
            raise InputError(
                f"{self.received} of {self._size} bytes came; ask where to go on, and send the rest.",
                reason="UPLOAD_INCOMPLETE",
                field="chunk",
            )

    def check_writer(self) -> None:
        """Refuse a writer that has been superseded.

        Raises:
            ConflictError: a later stream took over.
        """
        if self._superseded:
            raise ConflictError(
                f"a later stream of the same {self._what} took over; leave it to that one.",
                reason="UPLOAD_SUPERSEDED",
                field="manifest",
            )

    @property
    def handle(self) -> int:
        """The open file.

        Raises:
            ConflictError: it is closed.
        """
        if self._handle is None:
            raise ConflictError("this upload has ended; begin it again.", reason="UPLOAD_SUPERSEDED", field="manifest")
        return self._handle

    def supersede(self) -> None:
        """End writing; a chunk that is being written is finished first."""
        self._superseded = True

    def close(self) -> None:
        """Close the file; the bytes received are on disk then."""
        with self.lock:
            if self._handle is not None:
                with contextlib.suppress(OSError):  # what did not reach the disk is found out by its digest
                    if self._unsynced and os.fstat(self._handle).st_nlink:  # else it is stored or dropped already
                        os.fdatasync(self._handle)
                os.close(self._handle)
                self._handle = None

    def _feed(self, data: bytes) -> None:
        self._take(data)
        self.received += len(data)


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def disk_error(error: OSError | W2SError) -> W2SError:
    """The caller's view of a disk error, without the server's paths."""
    known = storage_error(error, Path()) if isinstance(error, OSError) else error
    if known.reason == "STORAGE_FULL":
        return full()
    if known.reason == "STORAGE_UNWRITABLE":
        return UnavailableError(
            "the server's disk cannot be written; ask its operator, and go on later.", reason="STORAGE_UNWRITABLE"
        )
    return known


def full() -> LimitError:
    """The caller's view of a full disk."""
    return LimitError(
        "the server's disk is full; the bytes received are stored. Delete jobs and feature sets, or ask its "
        "operator for room, and "
        "go on.",
        reason="STORAGE_FULL",
    )
