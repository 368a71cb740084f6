"""FeatureStore: pooled features stored by what they were computed from, checked on every read."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError, LimitError, NotFoundError
from predictor.folders import discard, replace_file, touch
from predictor.results.selection import check_labels
from predictor.store.arrays import check_features, fingerprint
from predictor.store.entries import OpenEntry, StoredFeatures, blocks_of, encode, open_entry, read_entry
from predictor.store.keys import check_name, is_key, pushed_key
from predictor.store.named_features import NamedFeatures
from predictor.store.names import NamedEntry, Names
from predictor.store.partial import tidy_partial


@dataclass(frozen=True)
class Verification:
    """How many entries were read in full, and which were damaged and set aside."""

    checked: int
    damaged: tuple[str, ...]


class FeatureStore:
    """Content-addressed features in a folder, safe for several processes at once.

    An entry is a short JSON header, the raw little-endian payload and the SHA-256 of both. It appears by rename, is
    verified in full on every read, and a damaged one is moved to `quarantine/` and reads as missing.

    Attributes:
        folder: the store's own folder.
        damaged: entries that this object found damaged and set aside.
    """

    def __init__(self, folder: Path, max_bytes: int = 0) -> None:
        """A store in `folder` of at most `max_bytes`, 0 for no bound; see `make_room`."""
        self.folder = folder
        self._max_bytes = max_bytes
        self.damaged = 0
        self._names = Names(folder / "names")

    def get(self, key: str) -> StoredFeatures | None:
        """The entry, or None where it is missing or was damaged; a long one is mapped, not copied into memory."""
        path = self._path(key)
        try:
            found = read_entry(path, key)
        except OSError:
            return None  # absent, or a disk that cannot give it back: either way it is computed again
        if found is None:
            self._set_aside(path)
            return None
        touch(path)
        return found

    def has(self, key: str) -> bool:
        """Whether there is an entry, sound or not; nothing is read."""
        return self._path(key).is_file()

    def put(self, key: str, values: NDArray[np.floating], about: Mapping[str, Any]) -> None:
        """Store (n, d) finite values under a key; an existing entry is replaced by an equal one.

        Raises:
            InputError: values that are not finite or not 2-D.
            LimitError: the disk is full (`STORAGE_FULL`), or the store (`TENANT_DISK_FULL`).
            UnavailableError: the folder cannot be written.
        """
        checked = check_features(values, "features")
        self.put_blocks(key, checked.shape, blocks_of(checked), about)

    def put_blocks(
        self, key: str, shape: tuple[int, int], blocks: Iterable[NDArray[Any]], about: Mapping[str, Any]
    ) -> None:
        """`put` for (n, d) values that come in blocks and were found finite before; memory stays flat."""
        self.make_room(shape[0] * shape[1] * 4)
        replace_file(self._path(key), encode(key, shape, blocks, about))

    def make_room(self, size: int) -> None:
        """Delete the entries read longest ago, pushed ones never, until `size` bytes more fit.

        Raises:
            LimitError: they never will.
        """
        if not self._max_bytes:
            return
        total = self.size() + size
        for _, bytes_, path in sorted(self.idle()) if total > self._max_bytes else ():
            if total <= self._max_bytes:
                break
            total -= discard(path) and bytes_
        if total > self._max_bytes:
            raise LimitError(
                f"{size} bytes of features do not fit: {self._max_bytes} are allowed, and pushed sets take "
                f"{total - size} of them. Delete some with w2s features rm.",
                reason="TENANT_DISK_FULL",
            )

    def push(
        self,
        name: str,
        values: NDArray[Any],
        *,
        rows_sha256: str | None = None,
        about: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Store values under a name that the user chose, for `features:NAME`; an older set of that name is replaced.

        Args:
            rows_sha256: `predictor.store.arrays.rows_digest` of the pool, to refuse other rows later; or None.
            about: further facts, such as `parameters`.
            labels: for filters of lists.

        Returns:
            The key of the entry.

        Raises:
            InputError: a bad name, bad values or bad labels.
        """
        check_name(name)
        checked = check_features(values, name)
        shape, digest = checked.shape, fingerprint(values)
        return self.put_named(
            name, shape, blocks_of(checked), digest, rows_sha256=rows_sha256, about=about, labels=labels
        )

    def put_named(
        self,
        name: str,
        shape: tuple[int, int],
        blocks: Iterable[NDArray[Any]],
        digest: str,
        *,
        rows_sha256: str | None = None,
        about: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """`push` for rows in blocks, as `put_blocks`; `digest` is their `arrays.fingerprint` as sent."""
        key = pushed_key(digest, rows_sha256, about)
        facts = {**(about or {}), "fingerprint": digest, "rows_sha256": rows_sha256}
        check_name(name)
        check_labels(labels or {})
        self.put_blocks(key, shape, blocks, facts)
        self._names.write(name, NamedEntry(key, *shape, rows_sha256, dict(labels or {})))
        return key

    def find(self, name: str) -> NamedFeatures | None:
        """The set of that name as `ls` shows it, or None."""
        entry = self._names.read(name)
        return None if entry is None else self._named(name, entry)

    def open(self, name: str) -> OpenEntry:
        """The set of that name, checked in full, to be read in parts.

        Raises:
            NotFoundError: as `pull`.
        """
        named = self.find(name)
        if named is None:
            raise self._absent(name)
        path = self._path(named.key)
        try:
            found = open_entry(path, named.key)
        except FileNotFoundError:
            raise self._absent(name) from None
        if found is None:
            self._set_aside(path)
            raise self._lost(name)
        touch(path)
        return found

    def pull(self, name: str) -> StoredFeatures:
        """The set pushed under a name.

        Raises:
            NotFoundError: no such name, or its entry was damaged.
        """
        entry = self._names.read(name)
        if entry is None:
            raise self._absent(name)
        found = self.get(entry.key)
        if found is None:
            raise self._lost(name)
        return found

    def ls(self) -> tuple[NamedFeatures, ...]:
        """Pushed sets in name order."""
        return tuple(self._after(""))

    def page(self, after: str, max_sets: int) -> tuple[NamedFeatures, ...]:
        """At max_sets `max_sets` pushed sets in name order, of those after a name; reads only those."""
        return tuple(islice(self._after(after), max_sets))

    def remove(self, name: str) -> None:
        """Forget a pushed set; its entry goes too unless another name refers to it.

        Raises:
            NotFoundError: no such name.
        """
        key = self._names.forget(name).key
        if key not in {one.key for one in self.ls()}:
            self._path(key).unlink(missing_ok=True)

    def verify(self) -> Verification:
        """Read every entry in full; damaged ones are set aside and listed by key."""
        checked, damaged = 0, []
        for path in self._entries():
            checked += 1
            entry = open_entry(path, path.stem)
            if entry is not None:
                entry.close()
            else:
                damaged.append(path.stem)
                self._set_aside(path)
        return Verification(checked, tuple(damaged))

    def tidy(self, quarantined_seconds: float = 0.0) -> int:
        """Clear the quarantine, and what dead writers and abandoned runs left; returns bytes freed.

        Args:
            quarantined_seconds: time that damaged entries stay in quarantine.
        """
        freed, now = 0, time.time()
        for path in list((self.folder / "quarantine").glob("*")):
            if path.stat().st_ctime <= now - quarantined_seconds:
                freed += discard(path)
        for leftover in self.folder.rglob(".*.tmp"):
            if leftover.stat().st_mtime < now - 3600:
                freed += discard(leftover)
        return freed + tidy_partial(self.folder, now)

    def idle(self) -> list[tuple[int, int, Path]]:
        """Last use in nanoseconds, bytes and file of every entry that no name refers to, and of every part of a run."""
        named = {one.key for one in self.ls()}
        files = (*(path for path in self._entries() if path.stem not in named), *self._parts())
        return [(path.stat().st_mtime_ns, path.stat().st_size, path) for path in files]

    def size(self) -> int:
        """Bytes in entries and in parts of runs."""
        return sum(path.stat().st_size for path in (*self._entries(), *self._parts()))

    def _parts(self) -> Iterator[Path]:
        return self.folder.glob("partial/*/*.w2sf")

    def _entries(self) -> Iterator[Path]:
        return iter(sorted((self.folder / "entries").glob("??/*.w2sf")))

    def _path(self, key: str) -> Path:
        if not is_key(key):
            raise InputError(f"{key!r} is not a feature key of 64 hexadecimal digits.", reason="BAD_FEATURE_KEY")
        return self.folder / "entries" / key[:2] / f"{key}.w2sf"

    def _after(self, name: str) -> Iterator[NamedFeatures]:
        found = (self._named(name, entry) for name, entry in self._names.all(name))
        return (one for one in found if one is not None)

    def _named(self, name: str, entry: NamedEntry) -> NamedFeatures | None:
        """The set as `ls` shows it, or None where its entry is missing."""
        try:
            size = self._path(entry.key).stat().st_size
        except FileNotFoundError:
            return None
        return NamedFeatures(name, entry.key, entry.rows, entry.dim, size, entry.rows_sha256, entry.labels)

    def _absent(self, name: str) -> NotFoundError:
        known = ", ".join(one.name for one in self.ls()[:8]) or "none"
        return NotFoundError(
            f"there is no feature set {name!r}; stored are: {known}. Push it with w2s features push {name} FILE.",
            reason="FEATURES_NOT_FOUND",
            field=name,
        )

    def _lost(self, name: str) -> NotFoundError:
        return NotFoundError(
            f"feature set {name!r} was lost or damaged; push it again.", reason="FEATURES_NOT_FOUND", field=name
        )

    def _set_aside(self, path: Path) -> None:
        self.damaged += 1
        quarantine = self.folder / "quarantine"
        try:
            quarantine.mkdir(exist_ok=True, mode=0o700)
            os.replace(path, quarantine / f"{path.name}.{secrets.token_hex(16)}")
        except OSError:
            return  # read-only or already set aside by another process: it still reads as missing
