"""Extractor: the feature source for every kind of model, over the feature store.

Importing this module, and answering from the store, loads neither torch nor transformers.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import cast

import numpy as np

from predictor.arrays import ArraySource, check_features, check_rows, rows_digest
from predictor.entries import StoredFeatures
from predictor.errors import InputError, LimitError, UnavailableError
from predictor.extraction.backend import Engine, Vectors, backend_name, effective_precision
from predictor.extraction.cards import ModelCard, card_path, read_card, write_card
from predictor.extraction.layers import resolve_layers
from predictor.extraction.loaded import LoadedModel, load_model
from predictor.extraction.passes import run_passes
from predictor.extraction.selfcheck import WARNINGS
from predictor.extraction.threads import usable_threads
from predictor.features import FeatureStore
from predictor.folders import cache_dir
from predictor.keys import FeatureKey
from predictor.models.artefact import Artefact
from predictor.models.reference import ModelReference
from predictor.models.resolve import resolve
from predictor.pools import Pool
from predictor.query import FeatureSet, ModelSpec, Pooling, Progress, Settings

CPU_TOKENS = 2048
GPU_TOKENS = 16384


class Extractor:
    """Runs models over pools and keeps what they give.

    Attributes:
        store: where features are kept and looked up.
        forward_passes: batches run by this object so far; a repeated request adds none.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        precision: str = "fp32",
        token_budget: int | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
        store: FeatureStore | None = None,
    ) -> None:
        """
        Args:
            cache_dir: folder of wheels, cards and features; `predictor.folders.cache_dir()` where None.
            precision: `fp32`, or `bf16` (several times faster on CPUs and GPUs that have it; features move by 1 %).
            token_budget: padded tokens per batch; 2,048 on a CPU and 16,384 on a GPU where None.
            device: `cpu`, `cuda`, or `auto` for a GPU where there is one.
            threads: CPU threads; what this process may really use where None.
            store: another feature store than the one in the cache folder, such as a tenant's own.
        """
        if precision not in ("fp32", "bf16"):
            raise InputError(
                f"precision {precision!r} is not known; give fp32 or bf16.", reason="BAD_PRECISION", field="precision"
            )
        self._cache = cache_dir if cache_dir is not None else _default_cache()
        self._budget = token_budget
        self._engine = Engine(precision, device, threads or usable_threads())
        self.store = store if store is not None else FeatureStore(self._cache / "features")
        self.forward_passes = 0
        self._loaded: tuple[Artefact, LoadedModel] | None = None

    def features(
        self, spec: ModelSpec, pool: Pool, settings: Settings
    ) -> Generator[Progress, None, tuple[FeatureSet, ...]]:
        """See `predictor.query.FeatureSource`: `load` counts to 1, `extract` counts rows.

        Raises:
            W2SError: this model's own fault; other candidates are not concerned.
        """
        if spec.values is not None:
            return (yield from ArraySource().features(spec, pool, settings))
        started = time.perf_counter()
        reference = ModelReference.parse(spec.reference)
        yield Progress(spec.name, "load", 0, 1)
        if reference.kind == "features":
            return (self._pushed(reference.locator, spec, pool, started),)
        artefact = resolve(reference, self._cache)
        if artefact.form == "array":
            located = f"array:{artefact.path}" + (f"::{artefact.key}" if artefact.key else "")
            return (yield from ArraySource().features(ModelSpec(spec.name, located), pool, settings))
        if not pool.texts:
            raise InputError(
                f"{spec.name!r} must read texts, and none were given; name the rows with --pool.",
                reason="POOL_MISSING",
                field="pool",
            )
        return (yield from self._model_features(artefact, reference, spec, pool, settings, started))

    def _model_features(
        self,
        artefact: Artefact,
        reference: ModelReference,
        spec: ModelSpec,
        pool: Pool,
        settings: Settings,
        started: float,
    ) -> Generator[Progress, None, tuple[FeatureSet, ...]]:
        pooling: Pooling = spec.pooling or reference.pooling or settings.pooling
        wanted = spec.layer or reference.layer or settings.layer
        weights, tokenizer = artefact.weights_digest(self._cache), artefact.tokenizer_digest(self._cache)
        precision, backend = effective_precision(artefact, self._engine.precision), backend_name(artefact)
        place = card_path(self._cache, weights, tokenizer, backend, precision)
        card = read_card(place)
        if card is None:
            card = self._load(artefact).card
            write_card(place, card)
        layers = resolve_layers(wanted, card.layers, spec.name)
        yield Progress(spec.name, "load", 1, 1)
        keys = {
            layer: FeatureKey(weights, tokenizer, precision, backend, layer, pooling, "", settings.max_length)
            for layer in layers
        }
        rows = rows_digest(pool)
        kept = {layer: self.store.get(key.entry(rows)) for layer, key in keys.items()}
        missing = tuple(layer for layer in layers if kept[layer] is None)
        cached = not missing
        if missing:
            fresh = yield from self._extract(artefact, spec.name, pool, settings, missing, pooling)
            for layer in missing:
                kept[layer] = self._keep(keys[layer].entry(rows), fresh[layer])
        else:
            yield Progress(spec.name, "extract", len(pool), len(pool))
        seconds = (time.perf_counter() - started) / len(layers)
        return tuple(
            _feature_set(
                spec.name if len(layers) == 1 else f"{spec.name}#layer={layer}",
                cast(StoredFeatures, kept[layer]),
                str(layer),
                keys[layer].fingerprint,
                card,
                cached or layer not in missing,
                seconds,
            )
            for layer in layers
        )

    def _extract(
        self,
        artefact: Artefact,
        name: str,
        pool: Pool,
        settings: Settings,
        layers: tuple[int, ...],
        pooling: Pooling,
    ) -> Generator[Progress, None, dict[int, StoredFeatures]]:
        model = self._load(artefact)
        tokens = model.tokenize(list(pool.texts), settings.max_length)
        yield Progress(name, "extract", 0, len(pool))
        passes = run_passes(model, tokens.rows, layers, pooling, self._tokens_per_batch())
        try:
            while True:
                done = next(passes)
                self.forward_passes += 1
                yield Progress(name, "extract", done, len(pool))
        except StopIteration as finished:
            values: dict[int, Vectors] = finished.value
        about = {"truncated_rows": tokens.truncated, "parameters": model.card.parameters, "warnings": []}
        return {layer: StoredFeatures(values[layer], about) for layer in layers}

    def _keep(self, entry: str, fresh: StoredFeatures) -> StoredFeatures:
        """Store; where the disk is full or read-only the answer goes on without, and says so."""
        try:
            self.store.put(entry, fresh.values, fresh.about)
        except (LimitError, UnavailableError) as fault:
            return StoredFeatures(
                fresh.values, {**fresh.about, "warnings": [f"not kept for next time: {fault.message}"]}
            )
        return fresh

    def _load(self, artefact: Artefact) -> LoadedModel:
        """The model in memory; the last one stays for a further layer or pooling, and goes before another comes."""
        if self._loaded is None or self._loaded[0] != artefact:
            self._loaded = None
            self._loaded = (artefact, load_model(artefact, self._engine))
        return self._loaded[1]

    def _tokens_per_batch(self) -> int:
        if self._budget is not None:
            return self._budget
        import torch

        wanted = self._engine.device
        on_gpu = wanted.startswith("cuda") or (wanted == "auto" and torch.cuda.is_available())
        return GPU_TOKENS if on_gpu else CPU_TOKENS

    def _pushed(self, name: str, spec: ModelSpec, pool: Pool, started: float) -> FeatureSet:
        found = self.store.pull(name)
        check_rows(found.about.get("rows_sha256"), pool, spec.name)
        return FeatureSet(
            name=spec.name,
            values=check_features(found.values, spec.name, len(pool)),
            layer=str(found.about.get("layer", "given")),
            fingerprint=str(found.about["fingerprint"]),
            parameters=found.about.get("parameters"),
            cached=True,
            seconds=time.perf_counter() - started,
        )


def _default_cache() -> Path:
    return cache_dir()


def _feature_set(
    name: str, found: StoredFeatures, layer: str, fingerprint: str, card: ModelCard, cached: bool, seconds: float
) -> FeatureSet:
    return FeatureSet(
        name=name,
        values=np.asarray(found.values, dtype=np.float32),
        layer=layer,
        fingerprint=fingerprint,
        parameters=card.parameters,
        truncated_rows=int(found.about["truncated_rows"]),
        cached=cached,
        seconds=seconds,
        warnings=(*WARNINGS[card.batching], *found.about["warnings"]),
    )
