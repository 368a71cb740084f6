"""Flows: what a server writes, step by step, with what must be found of it whenever it is cut short."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from predictor.errors import W2SError
from predictor.features import FeatureStore
from predictor.manifest import Manifest
from predictor.models.digests import file_digest
from server.access.audit import AuditLog
from server.access.tokens import TokenFile
from server.config import Limits
from server.durable.database import Database
from server.durable.jobs import JobTable
from server.durable.rows import Claim
from server.features import stores
from server.features.uploads import Uploads
from tests.service.sending import chunks

TENANT = "alice"
REQUEST, RANKING = b"request" * 700, b"ranking" * 1500
VALUES = np.random.default_rng(0).normal(size=(300, 512)).astype(np.float32)
KEY = "ab" * 32


class Flow(Protocol):
    """One thing that a server does.

    Attributes:
        steps: what it does in order; each raises W2SError where the disk refuses, and can then be done again.
        also: reasons that a full disk may be given too.
    """

    steps: list[Callable[[], object]]
    also: frozenset[str]

    def read(self, done: int) -> list[str]:
        """What cannot be read, with `done` steps done, while the disk refuses writes."""
        ...

    def found(self, folder: Path, done: int) -> list[str]:
        """What is wrong in a copy of the folder, taken with `done` steps done and perhaps the next one half."""
        ...

    def close(self) -> None:
        """Let go of every file."""
        ...


class Jobs:
    """A job is created, claimed and finished."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "jobs.sqlite")
        self._table = JobTable(self._database, Limits())
        self._claims: list[Claim] = []
        self._before = self._table.create(TENANT, "before", REQUEST).job.id
        self._finish(self._take())
        self.steps: list[Callable[[], object]] = [self._create, self._claim, self._end]

    def _create(self) -> None:
        self._table.create(TENANT, "now", REQUEST)

    def _claim(self) -> None:
        self._claims.append(self._take())

    def _end(self) -> None:
        self._finish(self._claims[-1])

    def _take(self) -> Claim:
        claim = self._table.claim()
        assert claim is not None
        return claim

    def _finish(self, claim: Claim) -> None:
        assert self._table.finish(claim, "SUCCEEDED", None, RANKING) is not None

    def read(self, done: int) -> list[str]:
        names = [row.job.request_id for row in self._table.page(TENANT, 9, None)]
        right = ["now", "before"] if done else ["before"]
        wrong = [] if names == right else [f"listed {names}"]
        return wrong if self._table.get(TENANT, self._before).ranking == RANKING else [*wrong, "another ranking"]

    def found(self, folder: Path, done: int) -> list[str]:
        database = Database(folder / "jobs.sqlite")
        try:
            table = JobTable(database, Limits())
            table.recover()
            rows = {row.job.request_id: table.get(TENANT, row.job.id) for row in table.page(TENANT, 9, None)}
            now = rows.pop("now", None)
            wrong = [] if [row.ranking for row in rows.values()] == [RANKING] else ["the earlier job is another"]
            if done and now is None:
                wrong.append("an acknowledged job is gone")
            states = {3: ("SUCCEEDED",), 2: ("SUCCEEDED", "QUEUED")}.get(done, ("QUEUED",))
            if now is not None and now.job.state not in states:
                wrong.append(f"{done} steps done, and the job is {now.job.state}")
            if now is not None and now.ranking != (RANKING if now.job.state == "SUCCEEDED" else None):
                wrong.append("half a ranking")
            return wrong
        finally:
            database.close()

    def close(self) -> None:
        self._database.close()


class JobEnds:
    """Jobs are cancelled, released, deleted, repeated and forgotten."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "jobs.sqlite")
        self._table = table = JobTable(self._database, Limits())
        first, second, third = (table.create(TENANT, name, REQUEST).job.id for name in ("a", "b", "c"))
        claim = table.claim()
        assert claim is not None
        self.steps: list[Callable[[], object]] = [
            lambda: table.cancel(TENANT, first),
            lambda: table.release(claim, None, 3),
            lambda: table.cancel(TENANT, second),
            lambda: table.repeat(TENANT, "d", first),
            lambda: self._deleted(second),
            lambda: table.cancel(TENANT, third),
            lambda: table.expire(0.0),
        ]
        self._after = [
            {"a": "RUNNING", "b": "QUEUED", "c": "QUEUED"},
            {"a": "CANCELLING", "b": "QUEUED", "c": "QUEUED"},
            {"a": "CANCELLED", "b": "QUEUED", "c": "QUEUED"},
            {"a": "CANCELLED", "b": "CANCELLED", "c": "QUEUED"},
            {"a": "CANCELLED", "b": "CANCELLED", "c": "QUEUED", "d": "QUEUED"},
            {"a": "CANCELLED", "c": "QUEUED", "d": "QUEUED"},
            {"a": "CANCELLED", "c": "CANCELLED", "d": "QUEUED"},
            {"d": "QUEUED"},
        ]

    def _deleted(self, name: str) -> None:
        self._table.delete(TENANT, name)

    def read(self, done: int) -> list[str]:
        now = _states(self._table)
        return [] if now == self._after[done] else [f"reads {now}, not {self._after[done]}"]

    def found(self, folder: Path, done: int) -> list[str]:
        database = Database(folder / "jobs.sqlite")
        try:
            now = _states(JobTable(database, Limits()))
        finally:
            database.close()
        return [] if now in self._after[done : done + 2] else [f"{done} steps done, and there is {now}"]

    def close(self) -> None:
        self._database.close()


class Opening:
    """A job store is made where there is none, and settles what an earlier process left."""

    also = frozenset({"STORAGE_UNWRITABLE"})  # SQLite does not say why it could not make a file

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database: Database | None = None
        self.steps: list[Callable[[], object]] = [self._open, self._settle]

    def _open(self) -> None:
        self._database = Database(self._folder / "jobs.sqlite")

    def _settle(self) -> None:
        assert self._database is not None
        table = JobTable(self._database, Limits())
        table.create(TENANT, "first", REQUEST)
        table.claim()
        table.recover()

    def read(self, done: int) -> list[str]:
        return []

    def found(self, folder: Path, done: int) -> list[str]:
        database = Database(folder / "jobs.sqlite")
        try:
            table = JobTable(database, Limits())
            table.recover()
            now = _states(table)
        finally:
            database.close()
        right = [{}, {"first": "QUEUED"}] if done < 2 else [{"first": "QUEUED"}]
        return [] if now in right else [f"there is {now}"]

    def close(self) -> None:
        if self._database is not None:
            self._database.close()


class Upload:
    """A feature set comes in chunks and is kept under its name, where an older one stood."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._store = _store_in(folder)
        self._older = VALUES[:7] * 2
        self._store.push("set", self._older)
        self._uploads = Uploads(folder / "uploads", Limits())
        manifest = Manifest.of("set", VALUES)
        self._manifest = manifest
        with _cache_in(folder):
            self._upload = self._uploads.open(TENANT, manifest)
        messages = chunks(VALUES)
        self.steps: list[Callable[[], object]] = [
            *(lambda chunk=message.chunk: self._upload.write(chunk) for message in messages),
            lambda: self._upload.finish(),
        ]

    def read(self, done: int) -> list[str]:
        return _is_one_of(self._store, "set", self._older, VALUES)

    def found(self, folder: Path, done: int) -> list[str]:
        store = _store_in(folder)
        whole = done == len(self.steps)
        wrong = _is_one_of(store, "set", *([VALUES] if whole else [self._older, VALUES]))
        with _cache_in(folder):
            here, kept = Uploads(folder / "uploads", Limits()).received(TENANT, self._manifest)
        if whole and kept is None:
            wrong.append("an acknowledged set is gone")
        if kept is None:
            raw = next((folder / "uploads").rglob("*.part")).read_bytes()
            if raw[:here] != VALUES.tobytes()[: len(raw[:here])]:
                wrong.append("staged bytes are others")
        damaged = store.verify().damaged
        return [*wrong, *(f"entry {key} is damaged" for key in damaged)]

    def close(self) -> None:
        self._upload.close()


class Begin:
    """An upload is begun: its bytes are declared and its file is made."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._uploads = Uploads(folder / "uploads", Limits())
        self._store = _store_in(folder)
        self.steps: list[Callable[[], object]] = [self._open]

    def _open(self) -> None:
        with _cache_in(self._folder):
            self._uploads.open(TENANT, Manifest.of("set", VALUES)).close()

    def read(self, done: int) -> list[str]:
        return [] if self._store.ls() == () else ["a set that nobody sent"]

    def found(self, folder: Path, done: int) -> list[str]:
        with _cache_in(folder):
            here, kept = Uploads(folder / "uploads", Limits()).received(TENANT, Manifest.of("set", VALUES))
        return [] if (here, kept) == (0, None) else [f"{here} bytes of an upload that sent none"]

    def close(self) -> None:
        return


class Put:
    """Features are kept by their key, and looked up."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._store = FeatureStore(folder / "features")
        self._store.put("cd" * 32, VALUES[:5], {})
        self.steps: list[Callable[[], object]] = [lambda: self._store.put(KEY, VALUES, {"warnings": []})]

    def read(self, done: int) -> list[str]:
        kept = self._store.get("cd" * 32)
        return [] if kept is not None and np.array_equal(kept.values, VALUES[:5]) else ["another entry is lost"]

    def found(self, folder: Path, done: int) -> list[str]:
        store = FeatureStore(folder / "features")
        kept = store.get(KEY)
        if kept is None:
            return ["an acknowledged entry is gone"] if done else []
        if store.damaged or not np.array_equal(kept.values, VALUES):
            return ["half an entry is seen"]
        return []

    def close(self) -> None:
        return


class Push:
    """A feature set is kept under a name, replaced and forgotten."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._store = FeatureStore(folder / "features")
        self.steps: list[Callable[[], object]] = [
            lambda: self._store.push("set", VALUES[:5]),
            lambda: self._store.push("set", VALUES[:9]),
            lambda: self._store.remove("set"),
        ]
        self._rows = [{None}, {5}, {9}, {None}]

    def read(self, done: int) -> list[str]:
        return self._see(self._store, self._rows[done] | self._rows[done + 1])

    def found(self, folder: Path, done: int) -> list[str]:
        allowed = self._rows[done] | (self._rows[done + 1] if done < 3 else set())
        return self._see(FeatureStore(folder / "features"), allowed)

    def _see(self, store: FeatureStore, allowed: set[int | None]) -> list[str]:
        named = store.find("set")
        rows = None if named is None else len(store.pull("set").values)
        return [] if rows in allowed else [f"{rows} rows, not one of {allowed}"]

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


FLOWS: dict[str, Callable[[Path], Flow]] = {
    "jobs": Jobs,
    "job ends": JobEnds,
    "opening": Opening,
    "begin": Begin,
    "upload": Upload,
    "put": Put,
    "push": Push,
    "tokens": Tokens,
    "audit": Audit,
    "notes": Notes,
}


def _states(table: JobTable) -> dict[str, str]:
    return {row.job.request_id: row.job.state for row in table.page(TENANT, 99, None)}


def _is_one_of(store: FeatureStore, name: str, *allowed: np.ndarray) -> list[str]:
    try:
        values = store.pull(name).values
    except W2SError as fault:
        return [f"{name}: {fault.reason}"]
    return [] if any(np.array_equal(values, one) for one in allowed) else [f"{name} holds neither the old nor the new"]


def _store_in(folder: Path) -> FeatureStore:
    with _cache_in(folder):
        return stores.feature_store(TENANT)


@contextlib.contextmanager
def _cache_in(folder: Path):  # type: ignore[no-untyped-def]
    """The cache folder of this process, for as long as the block."""
    kept, stores.cache_dir = stores.cache_dir, lambda: folder / "cache"
    try:
        yield
    finally:
        stores.cache_dir = kept
