"""File flows: what a server writes beside jobs and feature sets."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from predictor.calibration.calibration import Calibration
from predictor.calibration.store import CalibrationStore
from predictor.errors import NotFoundError
from predictor.models.digests import file_digest
from predictor.outcomes.outcome import Outcome
from predictor.outcomes.store import OutcomeStore
from protos import convert
from protos.features import MIN_CHUNK
from protos.parts import PartManifest
from server.access.audit import AuditLog
from server.access.tokens import TokenFile
from server.config import Limits
from server.parts.store import PartStore, read_part

TENANT = "alice"
DATA = bytes(range(256)) * 1500


class Part:
    """A part of a request comes in chunks and is kept under its digest."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._parts = PartStore(folder / "parts", Limits())
        self._sha256 = hashlib.sha256(DATA).hexdigest()
        self._manifest = PartManifest(self._sha256, len(DATA))
        self.steps: list[Callable[[], object]] = [self._send]

    def _send(self) -> None:
        upload = self._parts.open(TENANT, self._manifest)
        try:
            if upload.complete:
                return
            for place in range(len(DATA) - upload.missing, len(DATA), MIN_CHUNK):
                upload.write(convert.chunk_to_proto(place, DATA[place : place + MIN_CHUNK]))
            upload.finish()
        finally:
            upload.close()

    def read(self, done: int) -> list[str]:
        return []

    def found(self, folder: Path, done: int) -> list[str]:
        try:
            return [] if read_part(folder / "parts", TENANT, self._sha256) == DATA else ["another part"]
        except NotFoundError:
            return ["an acknowledged part is gone"] if done else []

    def close(self) -> None:
        return


class Outcomes:
    """Outcomes are added in two batches: of each, all or none."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._store = OutcomeStore(folder / "outcomes")
        self._batches = [
            [Outcome("task", "strong", f"{batch}-{number}", w2s_error=0.5) for number in range(20)]
            for batch in range(2)
        ]
        self.steps: list[Callable[[], object]] = [
            lambda batch=batch: self._store.add(batch)  # type: ignore[misc]  # a default, not a parameter
            for batch in self._batches
        ]

    def read(self, done: int) -> list[str]:
        return self._see(self._store, done)

    def found(self, folder: Path, done: int) -> list[str]:
        return self._see(OutcomeStore(folder / "outcomes"), done)

    def _see(self, store: OutcomeStore, done: int) -> list[str]:
        kept = {one.weak for one in store.read()}
        wrong = (
            [] if all(one.weak in kept for batch in self._batches[:done] for one in batch) else ["outcomes are gone"]
        )
        parts = [sum(one.weak in kept for one in batch) for batch in self._batches]
        return wrong + [f"{part} of 20 in a batch" for part in parts if part not in (0, 20)]

    def close(self) -> None:
        return


class Calibrations:
    """A calibration is kept, and another of the same name."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._store = CalibrationStore(folder / "calibrations")
        self._made = [Calibration("c", f"{n:012x}", "ridge", ("task",), "2026-01-01", ()) for n in range(2)]
        self.steps: list[Callable[[], object]] = [lambda: self._store.put(self._made[0]), self._second]

    def _second(self) -> None:
        self._store.put(self._made[1])

    def read(self, done: int) -> list[str]:
        return self._see(self._store, done)

    def found(self, folder: Path, done: int) -> list[str]:
        return self._see(CalibrationStore(folder / "calibrations"), done)

    def _see(self, store: CalibrationStore, done: int) -> list[str]:
        try:
            version = store.get("c").version
        except NotFoundError:
            return ["an acknowledged calibration is gone"] if done else []
        allowed = [one.version for one in self._made][max(0, done - 1) : done + 1]
        return [] if version in allowed else [f"version {version}"]

    def close(self) -> None:
        return


class Tokens:
    """Tokens are made and revoked."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._file = TokenFile(folder / "tokens")
        self.steps: list[Callable[[], object]] = [
            lambda: self._file.add("alice", ["read"], 60.0),
            lambda: self._file.add("bob", ["read"], 60.0),
            lambda: [self._file.revoke(name) for name, kept in self._file.read().items() if kept.tenant == "alice"],
        ]
        self._tenants = [[], ["alice"], ["alice", "bob"], ["bob"]]

    def read(self, done: int) -> list[str]:
        return self.found(self._file.path.parent, done)

    def found(self, folder: Path, done: int) -> list[str]:
        file = TokenFile(folder / "tokens")
        kept = file.read().values() if file.path.exists() else ()
        now = list(dict.fromkeys(record.tenant for record in kept))  # refused and yet kept, then asked for again: twice
        if now:
            file.key()
        return [] if now in self._tenants[done : done + 2] else [f"tokens of {now}"]

    def close(self) -> None:
        return


class Audit:
    """Lines are added to the audit log; what the disk refuses is lost, and the service goes on."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._log = AuditLog(folder / "audit.jsonl")
        self.steps: list[Callable[[], object]] = [lambda n=number: self._log.event("line", n=n) for number in range(6)]

    def read(self, done: int) -> list[str]:
        return []

    def found(self, folder: Path, done: int) -> list[str]:
        sound = []
        for line in (folder / "audit.jsonl").read_text().splitlines():
            with contextlib.suppress(ValueError):
                sound.append(json.loads(line)["n"])
        return [] if sound == sorted(set(sound)) else [f"lines {sound}"]

    def close(self) -> None:
        return


class Notes:
    """The digest of a file is remembered; where that is impossible it is computed again."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "weights").write_bytes(b"weights")
        self._right = file_digest(folder / "weights")
        self.steps: list[Callable[[], object]] = [self._ask]

    def _ask(self) -> None:
        assert file_digest(self._folder / "weights", self._folder / "cache") == self._right

    def read(self, done: int) -> list[str]:
        return []

    def found(self, folder: Path, done: int) -> list[str]:
        right = file_digest(folder / "weights", folder / "cache") == self._right
        return [] if right else ["another digest is remembered"]

    def close(self) -> None:
        return
