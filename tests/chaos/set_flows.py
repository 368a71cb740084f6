"""Set flows: what a server and its workers write of feature sets and of features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from predictor.errors import W2SError
from predictor.store.features import FeatureStore
from predictor.store.manifest import Manifest
from server.config import Limits
from server.features import stores
from server.features.uploads import Uploads
from tests.service.sending import chunks

TENANT = "alice"
VALUES = np.random.default_rng(0).normal(size=(300, 512)).astype(np.float32)
KEY = "ab" * 32


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


def _is_one_of(store: FeatureStore, name: str, *allowed: np.ndarray) -> list[str]:
    try:
        values = store.pull(name).values
    except W2SError as error:
        return [f"{name}: {error.reason}"]
    return [] if any(np.array_equal(values, one) for one in allowed) else [f"{name} holds neither the old nor the new"]


def _store_in(folder: Path) -> FeatureStore:
    with _cache_in(folder):
        return stores.feature_store(TENANT)


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """The cache folder of this process, for as long as the block."""
    kept, stores.cache_dir = stores.cache_dir, lambda: folder / "cache"
    try:
        yield
    finally:
        stores.cache_dir = kept
