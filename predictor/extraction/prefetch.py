"""Prefetcher: what was announced and is still to come: one pass serves several names, the next model is read ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import W2SError
from predictor.extraction.backend import LayerPooling
from predictor.extraction.identity import Identity
from predictor.extraction.loaded import LoadedModel
from predictor.extraction.memory import free_memory
from predictor.extraction.model_cache import ModelCache, RunPlan
from predictor.extraction.tokenizer import Tokens
from predictor.models.artefact import Artefact
from predictor.models.resolve import resolve
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.row_form import RowForm
from predictor.query.settings import Pooling, Settings
from predictor.store.arrays import rows_digest
from predictor.store.features import FeatureStore

MEMORY_SHARE = 0.5
"""Share of the free memory that a model loaded ahead may take."""


@dataclass(frozen=True, eq=False)
class Prefetched:
    """A model loaded ahead, with the pool as its tokens."""

    spec: ModelSpec
    pool: Pool
    plan: RunPlan
    model: LoadedModel
    tokens: Tokens


class Prefetcher:
    """Knows the models that will be asked for.

    Args:
        spare: whether there is a thread to load ahead in.
    """

    def __init__(self, cache: Path, models: ModelCache, store: FeatureStore, spare: bool) -> None:
        self._cache, self._models, self._store, self._spare = cache, models, store, spare
        self._pool: ThreadPoolExecutor | None = None
        self._loading: Future[Prefetched | None] | None = None
        self._ready: Prefetched | None = None
        self._announced: tuple[tuple[ModelSpec, ...], Pool | None] = ((), None)

    def announce(self, specs: Sequence[ModelSpec], pool: Pool) -> None:
        """These models will be asked for over this pool."""
        self._announced = (tuple(specs), pool)

    def begin(self, spec: ModelSpec, pool: Pool, settings: Settings) -> None:
        """Load the next announced model that has to run, where there is a thread and memory for it."""
        following = self._following(spec, pool)
        if self._spare and following and self._ready is None and self._loading is None:
            self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="w2s-prefetch")
            self._loading = self._pool.submit(self._load_ahead, following, pool, settings)

    def take(self, spec: ModelSpec, pool: Pool) -> Prefetched | None:
        """The model if it was loaded ahead, now in the model cache; one loaded for a later candidate stays.

        Raises:
            Exception: raised in the loading thread.
        """
        loading, self._loading = self._loading, None
        self._ready = (None if loading is None else loading.result()) or self._ready
        ready = self._ready
        if ready is None or ready.pool is not pool:
            self._ready = None
            return None
        if not _same(ready.spec, spec):
            return None
        self._ready = None
        self._models.put(ready.plan.identity, ready.plan.precision, ready.model)
        return ready

    def company(self, spec: ModelSpec, plan: RunPlan, pool: Pool, settings: Settings) -> Iterator[LayerPooling]:
        """Outputs of the same model that were announced under other names and are not stored yet."""
        own, rows = spec.parsed, rows_digest(pool)
        specs, announced = self._announced
        for other in specs if announced is pool else ():
            if _same(other, spec) or other.values is not None:
                continue
            try:
                theirs = other.parsed
                if theirs.files != own.files:
                    continue
                found = run_plan(self._models, plan.identity, other, settings)
            except W2SError:
                continue  # this candidate's own error, raised when it is asked for
            if (found.precision, found.form) == (plan.precision, plan.form):
                yield from (c for c in found.outputs if not self._store.has(found.key(c).entry(rows)))

    def _following(self, spec: ModelSpec, pool: Pool) -> tuple[ModelSpec, ...]:
        specs, announced = self._announced
        place = next((i for i, one in enumerate(specs) if _same(one, spec)), None)
        return () if place is None or announced is not pool else specs[place + 1 :]

    def _load_ahead(self, specs: Sequence[ModelSpec], pool: Pool, settings: Settings) -> Prefetched | None:
        rows = rows_digest(pool)
        for spec in specs:
            try:
                if not spec.needs_rows:
                    continue
                identity = Identity.of(resolve(spec.parsed, self._cache), self._cache)
                if not identity.artefact.form.backend:
                    continue
                if self._models.decided(identity, settings.precision):
                    plan = run_plan(self._models, identity, spec, settings)
                    if all(self._store.has(plan.key(output).entry(rows)) for output in plan.outputs):
                        continue
                    precision = plan.precision
                else:
                    precision = self._models.first_precision(identity, settings.precision)
                free = free_memory()
                if free is not None and _bytes_to_load(identity, precision) > MEMORY_SHARE * free:
                    return None
                model = self._models.load(identity, precision)
                if not self._models.decided(identity, settings.precision):
                    return None  # bf16 moves its features too far: it is loaded in fp32 when it is asked for
                plan = run_plan(self._models, identity, spec, settings)
                if plan.precision != precision:
                    return None
                tokens = model.tokenize(pool.texts, plan.form)
                return Prefetched(spec, pool, plan, model, tokens)
            except W2SError:
                continue  # this candidate's own error, raised when it is asked for
        return None


def _same(one: ModelSpec, other: ModelSpec) -> bool:
    """Whether two specs ask for the same of one model. Sources that wrap this one may hand on copies."""
    return (one.name, one.reference, one.layer) == (other.name, other.reference, other.layer)


def run_plan(models: ModelCache, identity: Identity, spec: ModelSpec, settings: Settings) -> RunPlan:
    """How a model is run: its own layer and pooling first, else those of the request's settings."""
    reference = spec.parsed
    return models.plan(
        identity,
        spec.name,
        spec.layer or reference.layer or settings.layer,
        pooling_of(identity.artefact, spec, settings),
        settings.precision,
        RowForm.of(spec, settings),
    )


def pooling_of(artefact: Artefact, spec: ModelSpec, settings: Settings) -> Pooling:
    """The candidate's own pooling, else what the request asks for, else what its folder declares, else mean."""
    own = spec.pooling or spec.parsed.pooling
    if own is not None or settings.pooling != Settings.pooling:
        return own or settings.pooling
    declared = None if artefact.pipeline is None else artefact.pipeline.pooling
    return declared or settings.pooling


def _bytes_to_load(identity: Identity, precision: str) -> int:
    """Peak memory of loading: the weights once in fp32, once more in their final order and type."""
    facts = identity.facts(precision)
    if facts is not None:
        return 8 * facts.parameters
    size = sum(file.stat().st_size for file in identity.artefact.weight_files)
    return size * identity.artefact.form.load_factor
