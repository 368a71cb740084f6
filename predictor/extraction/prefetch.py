"""Lookout: what was announced and is still to come: one pass serves several names, the next model is read ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import W2SError
from predictor.extraction.ahead import SHARE, Ahead, memory_left
from predictor.extraction.backend import Cell
from predictor.extraction.identity import Identity
from predictor.extraction.loaded import LoadedModel
from predictor.extraction.model_cache import Reading, Shelf
from predictor.extraction.tokenizers import Tokens
from predictor.models.resolve import resolve
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.store.arrays import rows_digest
from predictor.store.features import FeatureStore


@dataclass(frozen=True, eq=False)
class Ready:
    """A model read ahead, with the pool as its tokens."""

    spec: ModelSpec
    pool: Pool
    reading: Reading
    model: LoadedModel
    tokens: Tokens


class Lookout:
    """Knows the models that will be asked for.

    Args:
        spare: whether there is a thread to read ahead in.
    """

    def __init__(self, cache: Path, shelf: Shelf, store: FeatureStore, spare: bool) -> None:
        self._cache, self._shelf, self._store, self._spare = cache, shelf, store, spare
        self._ahead: Ahead[Ready | None] = Ahead()
        self._ready: Ready | None = None
        self._announced: tuple[tuple[ModelSpec, ...], Pool | None] = ((), None)

    def announce(self, specs: Sequence[ModelSpec], pool: Pool) -> None:
        """These models will be asked for over this pool."""
        self._announced = (tuple(specs), pool)

    def begin(self, spec: ModelSpec, pool: Pool, settings: Settings) -> None:
        """Read the next announced model that has to run, where there is a thread and memory for it."""
        following = self._following(spec, pool)
        if self._spare and following and self._ready is None:
            self._ahead.start(lambda: self._read_ahead(following, pool, settings))

    def take(self, spec: ModelSpec, pool: Pool) -> Ready | None:
        """What was read ahead for this model, now on the shelf; what was read for a later one waits."""
        self._ready = self._ahead.take() or self._ready
        ready = self._ready
        if ready is None or ready.pool is not pool:
            self._ready = None
            return None
        if ready.spec is not spec:
            return None
        self._ready = None
        self._shelf.put(ready.reading.identity, ready.reading.precision, ready.model)
        return ready

    def company(self, spec: ModelSpec, reading: Reading, pool: Pool, settings: Settings) -> Iterator[Cell]:
        """Cells of the same model that were announced under other names and are not at hand yet."""
        own, rows = spec.parsed, rows_digest(pool)
        specs, announced = self._announced
        for other in specs if announced is pool else ():
            if other is spec or other.values is not None:
                continue
            try:
                theirs = other.parsed
                if (theirs.kind, theirs.locator, theirs.tokenizer) != (own.kind, own.locator, own.tokenizer):
                    continue
                found = reading_of(self._shelf, reading.identity, other, settings)
            except W2SError:
                continue  # that candidate's own fault, told when it is asked for
            if found.precision == reading.precision:
                yield from (c for c in found.cells if not self._store.holds(found.key(c).entry(rows)))

    def _following(self, spec: ModelSpec, pool: Pool) -> tuple[ModelSpec, ...]:
        specs, announced = self._announced
        place = next((i for i, one in enumerate(specs) if one is spec), None)
        return () if place is None or announced is not pool else specs[place + 1 :]

    def _read_ahead(self, specs: Sequence[ModelSpec], pool: Pool, settings: Settings) -> Ready | None:
        rows = rows_digest(pool)
        for spec in specs:
            try:
                if not spec.needs_rows:
                    continue
                identity = Identity.of(resolve(spec.parsed, self._cache), self._cache)
                if not identity.artefact.form.backend:
                    continue
                if self._shelf.decided(identity, settings.precision):
                    reading = reading_of(self._shelf, identity, spec, settings)
                    if all(self._store.holds(reading.key(cell).entry(rows)) for cell in reading.cells):
                        continue
                    precision = reading.precision
                else:
                    precision = self._shelf.first_precision(identity, settings.precision)
                free = memory_left()
                if free is not None and _bytes_to_load(identity, precision) > SHARE * free:
                    return None
                model = self._shelf.load(identity, precision)
                if not self._shelf.decided(identity, settings.precision):
                    return None  # bf16 does not suit it: another look is needed, in its turn
                reading = reading_of(self._shelf, identity, spec, settings)
                if reading.precision != precision:
                    return None
                tokens = model.tokenize(list(pool.texts), settings.max_length)
                return Ready(spec, pool, reading, model, tokens)
            except W2SError:
                continue  # that candidate's own fault, told when it is asked for
        return None


def reading_of(shelf: Shelf, identity: Identity, spec: ModelSpec, settings: Settings) -> Reading:
    """How a model is to be read: its own overrides first, the request's settings for what it leaves open."""
    reference = spec.parsed
    return shelf.reading(
        identity,
        spec.name,
        spec.layer or reference.layer or settings.layer,
        spec.pooling or reference.pooling or settings.pooling,
        settings.precision,
        settings.max_length,
    )


def _bytes_to_load(identity: Identity, precision: str) -> int:
    """Most memory while weights are read: once in fp32, once more in their final order and type."""
    card = identity.card(precision)
    if card is not None:
        return 8 * card.parameters
    size = sum(file.stat().st_size for file in identity.artefact.weight_files)
    return size * identity.artefact.form.load_factor
