"""What workers of a cluster run. Features go to the shared store; arguments and results are small."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import CancelledError, UnavailableError
from predictor.models.resolve import resolve
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import Progress, drain
from predictor.store.arrays import rows_digest
from predictor.store.entries import blocks_of
from predictor.store.features import FeatureStore

if TYPE_CHECKING:
    from predictor.extraction.extractor import Extractor

_EXTRACTING = Lock()
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Piece:
    """Features of one model at one layer over some rows, by their key in the shared store.

    Attributes:
        entry: key in the feature store.
        facts: the other fields of their `FeatureSet`.
    """

    entry: str
    facts: dict[str, Any] = field(default_factory=dict)

    def load(self, store: FeatureStore) -> FeatureSet:
        """The features, checked in full and mapped where they are long.

        Raises:
            UnavailableError: the store does not have them.
        """
        found = store.get(self.entry)
        if found is None:
            raise UnavailableError(
                f"features of {self.facts['name']!r} were extracted by a worker and are not in {str(store.folder)!r}; "
                "every worker must see the same W2S_CACHE_DIR, and its disk must have room.",
                reason="STORE_NOT_SHARED",
                field=str(self.facts["name"]),
            )
        return FeatureSet(values=np.asarray(found.values), **self.facts)


def shard(pool: Pool) -> Pool:
    """The same rows. A task's result is made again where its worker dies; scattered data would be lost."""
    return pool


def extract(spec: ModelSpec, pool: Pool, settings: Settings, folder: str, stop: str) -> tuple[Piece, ...] | None:
    """Extract some rows by one model into the store, unless they are there already. None for an array.

    Raises:
        W2SError: the model cannot be read, or `CANCELLED`.
    """
    cache = Path(folder)
    if not resolve(spec.parsed, cache).form.backend:
        return None
    with _EXTRACTING:
        reader = _extractor(folder)
        steps, looked = reader.features(spec, pool, settings), time.monotonic()

        def stop_if_asked(_: Progress) -> None:
            nonlocal looked
            if time.monotonic() - looked > _POLL_SECONDS:
                looked = time.monotonic()
                if _stopped(stop):
                    raise CancelledError("the ranking was cancelled.", reason="CANCELLED")

        with closing(steps):
            return tuple(_piece(one, pool) for one in drain(steps, stop_if_asked))


def join(parts: list[tuple[Piece, ...] | None], rows_sha256: str, folder: str) -> tuple[Piece, ...] | None:
    """The features of all rows out of those of consecutive shards, stored under the key that a local run would use.

    Raises:
        UnavailableError: workers read the model differently, as on devices of unlike precision.
    """
    known = [part for part in parts if part is not None]
    if len(known) != len(parts):
        return None
    if len(known) == 1:
        return known[0]
    store = FeatureStore(Path(folder) / "features")
    return tuple(_joined(layer, rows_sha256, store) for layer in zip(*known, strict=True))


def sees(path: str) -> str | None:
    """What a worker reads in a file, or None where it does not see it."""
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return None


@lru_cache(maxsize=1)
def _extractor(folder: str) -> Extractor:
    """One per worker, so that a model stays in memory for its next shard."""
    from predictor.extraction.extractor import Extractor

    return Extractor(Path(folder))


def _stopped(name: str) -> bool:
    from distributed import Event

    return bool(Event(name).is_set())


def _piece(features: FeatureSet, pool: Pool) -> Piece:
    facts = {one.name: getattr(features, one.name) for one in dataclasses.fields(features) if one.name != "values"}
    return Piece(_entry(features.fingerprint, rows_digest(pool)), facts | {"diagnostics": dict(features.diagnostics)})


def _entry(fingerprint: str, rows_sha256: str) -> str:
    """See `predictor.store.keys.FeatureKey.entry`."""
    return sha256(f"{fingerprint}\n{rows_sha256}".encode()).hexdigest()


def _joined(shards: tuple[Piece, ...], rows_sha256: str, store: FeatureStore) -> Piece:
    first = shards[0].facts
    if len({shard.facts["fingerprint"] for shard in shards}) > 1:
        raise UnavailableError(
            f"workers read {first['name']!r} differently (unlike devices or precisions); name one precision for all.",
            reason="WORKERS_DIFFER",
            field=str(first["name"]),
        )
    facts = first | {
        "truncated_rows": sum(int(shard.facts["truncated_rows"]) for shard in shards),
        "cached": all(bool(shard.facts["cached"]) for shard in shards),
        "seconds": sum(float(shard.facts["seconds"]) for shard in shards),
        "warnings": tuple(dict.fromkeys(text for shard in shards for text in shard.facts["warnings"])),
    }
    entry = _entry(str(first["fingerprint"]), rows_sha256)
    if store.get(entry) is None:
        sets = [shard.load(store) for shard in shards]
        shape = (sum(len(one.values) for one in sets), sets[0].dim)
        about = {"truncated_rows": facts["truncated_rows"], "parameters": facts["parameters"], "warnings": []}
        store.put_blocks(entry, shape, _blocks(sets), about)
    return Piece(entry, facts)


def _blocks(sets: list[FeatureSet]) -> Iterator[NDArray[Any]]:
    for one in sets:
        yield from blocks_of(one.values)
