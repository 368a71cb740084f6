"""Extractor: the feature source for every kind of model, over the feature store.

Importing this module, and answering from the store, loads neither torch nor transformers.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from predictor.errors import InputError, LimitError, UnavailableError
from predictor.extraction.backend import LayerPooling, Runtime
from predictor.extraction.forward import run_passes
from predictor.extraction.identity import Identity
from predictor.extraction.labeller import Labeller
from predictor.extraction.model_cache import ModelCache, RunPlan
from predictor.extraction.prefetch import Prefetcher, run_plan
from predictor.extraction.selfcheck import WARNINGS
from predictor.extraction.tokenizer import Tokens
from predictor.folders import cache_dir, existing_path
from predictor.models.resolve import resolve
from predictor.models.untrained import has_random_weights
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, Predicted
from predictor.statistics.arrays import Floats, Ints
from predictor.statistics.threads import usable_threads
from predictor.steps import Progress, Steps, relay
from predictor.store.arrays import ArraySource, check_features, check_rows, rows_digest
from predictor.store.entries import StoredFeatures
from predictor.store.features import FeatureStore
from predictor.store.partial import PartialFeatures

CPU_TOKENS = 2048
GPU_TOKENS = 16384


class Extractor:
    """Runs models over pools and stores their features.

    Attributes:
        store: where features are stored and looked up.
        models: the model in memory.
        labeller: lets models label rows; they share store and device with the features.
        forward_passes: batches run for features by this object so far; a repeated request adds none.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        token_budget: int | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
        store: FeatureStore | None = None,
        prefetch: bool | None = None,
    ) -> None:
        """
        Args:
            cache_dir: folder of wheels, model facts and features; `predictor.folders.cache_dir()` where None.
            token_budget: padded tokens per batch; 2,048 on a CPU and 16,384 on a GPU where None.
            device: `cpu`, `cuda`, or `auto` for a GPU where there is one.
            threads: CPU threads; what this process may really use where None.
            store: another feature store than the one in the cache folder, such as a tenant's own.
            prefetch: read the next announced model in a thread while one runs; where None, if there is a thread to
                spare.
        """
        self._cache = cache_dir if cache_dir is not None else _default_cache()
        self._budget = token_budget
        self.models = ModelCache(Runtime("fp32", device, threads or usable_threads()))
        self.store = store if store is not None else FeatureStore(self._cache / "features")
        spare = self.models.runtime.threads > 1 if prefetch is None else prefetch
        self._prefetcher = Prefetcher(self._cache, self.models, self.store, spare)
        self.labeller = Labeller(
            self._cache, self.models.runtime, self.store, self._tokens_per_batch, self.models.clear
        )
        self.forward_passes = 0

    def announce(self, specs: Sequence[ModelSpec], pool: Pool) -> None:
        """See `predictor.query.source.Forewarned`: one pass reads all layers and poolings of a model."""
        self._prefetcher.announce(specs, pool)

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        """See `predictor.query.source.FeatureSource`: `load` counts to 1, `extract` counts rows.

        Raises:
            W2SError: this model's own error; other candidates go on.
        """
        if spec.values is not None or _is_dump(spec):
            return (yield from ArraySource().features(spec, pool, settings))
        started = time.perf_counter()
        reference = spec.parsed
        yield Progress(spec.name, "load", 0, 1)
        if reference.kind == "features":
            return (self._pushed(reference.locator, spec, pool, started),)
        artefact = resolve(reference, self._cache)
        if not artefact.form.backend:
            located = f"array:{artefact.path}" + (f"::{artefact.key}" if artefact.key else "")
            return (
                yield from ArraySource().features(
                    ModelSpec(spec.name, located, spec.layer or reference.layer), pool, settings
                )
            )
        if not pool.texts:
            raise InputError(
                f"{spec.name!r} must read texts, and none were given; name the rows with --pool.",
                reason="POOL_MISSING",
                field="pool",
            )
        self.labeller.release()
        ready = self._prefetcher.take(spec, pool)
        plan = run_plan(self.models, Identity.of(artefact, self._cache), spec, settings)
        yield Progress(spec.name, "load", 1, 1)
        rows = rows_digest(pool)
        stored = {output: self.store.get(plan.key(output).entry(rows)) for output in plan.outputs}
        missing = tuple(output for output in plan.outputs if stored[output] is None)
        if missing:
            tokens = ready.tokens if ready is not None and ready.plan == plan else None
            together = tuple(dict.fromkeys((*missing, *self._prefetcher.company(spec, plan, pool, settings))))
            entries = [plan.key(output).entry(rows) for output in together]
            partial = PartialFeatures(self.store.folder, entries, self.store.make_room)
            fresh = yield from self._extract(plan, spec, pool, settings, together, tokens, partial)
            for output, entry in zip(together, entries, strict=True):
                found = self._stored(entry, fresh[output])
                if output in stored:
                    stored[output] = found
            partial.discard()
        else:
            yield Progress(spec.name, "extract", len(pool), len(pool))
        seconds = (time.perf_counter() - started) / len(plan.outputs)
        return tuple(
            _feature_set(
                spec.name if len(plan.outputs) == 1 else f"{spec.name}#layer={output.layer}",
                cast(StoredFeatures, stored[output]),
                plan,
                output,
                output not in missing,
                seconds,
            )
            for output in plan.outputs
        )

    def labels(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[Predicted]:
        """See `predictor.query.source.LabelSource`."""
        return (yield from self.labeller.labels(spec, pool, settings))

    def refined(
        self, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Floats, contexts: Sequence[Ints]
    ) -> Steps[tuple[Floats, ...]]:
        """See `predictor.query.source.LabelSource`."""
        return (yield from self.labeller.refined(spec, pool, settings, weak_labels, contexts))

    def _extract(
        self,
        plan: RunPlan,
        spec: ModelSpec,
        pool: Pool,
        settings: Settings,
        outputs: tuple[LayerPooling, ...],
        tokens: Tokens | None,
        partial: PartialFeatures,
    ) -> Steps[dict[LayerPooling, StoredFeatures]]:
        model = self.models.model(plan.identity, plan.precision)
        if tokens is None:
            tokens = model.tokenize(pool.texts, plan.form)
        self._prefetcher.begin(spec, pool, settings)
        passes = run_passes(model, tokens.rows, outputs, self._tokens_per_batch(), partial)
        yield Progress(spec.name, "extract", next(passes), len(pool))

        def counted(done: int) -> Progress:
            self.forward_passes += 1
            return Progress(spec.name, "extract", done, len(pool))

        values = yield from relay(passes, counted)
        about = {
            "truncated_rows": tokens.truncated,
            "length_limit": tokens.limit,
            "parameters": model.facts.parameters,
            "warnings": [*model.notes, *tokens.notes],
        }
        return {output: StoredFeatures(values[output], about) for output in outputs}

    def _stored(self, entry: str, fresh: StoredFeatures) -> StoredFeatures:
        """Store the features, or add a warning where the disk is full or read-only."""
        try:
            self.store.put(entry, fresh.values, fresh.about)
        except (LimitError, UnavailableError) as error:
            return StoredFeatures(
                fresh.values,
                {**fresh.about, "warnings": [*fresh.about["warnings"], f"not stored for next time: {error.message}"]},
            )
        return fresh

    def _tokens_per_batch(self) -> int:
        if self._budget is not None:
            return self._budget
        torch = sys.modules.get("torch")  # where no model needed it, it is not imported for this question
        wanted = self.models.runtime.device
        on_gpu = wanted.startswith("cuda") or (wanted == "auto" and torch is not None and torch.cuda.is_available())
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
            depth=found.about.get("depth"),
            cached=True,
            seconds=time.perf_counter() - started,
        )


def _is_dump(spec: ModelSpec) -> bool:
    """Whether it is a folder of dumped hidden states, which has no model's form."""
    folder = existing_path(spec.parsed.locator) if spec.is_array else None
    return folder is not None and folder.is_dir()


def _default_cache() -> Path:
    return cache_dir()


def _feature_set(
    name: str, found: StoredFeatures, plan: RunPlan, output: LayerPooling, cached: bool, seconds: float
) -> FeatureSet:
    return FeatureSet(
        name=name,
        values=np.asarray(found.values, dtype=np.float32),
        layer=str(output.layer),
        fingerprint=plan.key(output).fingerprint,
        parameters=plan.facts.parameters,
        depth=plan.facts.depth(output.layer),
        truncated_rows=int(found.about["truncated_rows"]),
        length_limit=found.about.get("length_limit"),
        cached=cached,
        seconds=seconds,
        warnings=(*WARNINGS[plan.facts.batching], *plan.warnings, *found.about["warnings"]),
        diagnostics={**plan.drift(output.layer), **_untrained(plan)},
    )


def _untrained(plan: RunPlan) -> dict[str, float]:
    """That the weights are random, as a diagnostic; empty where they are not."""
    return {"random_weights": 1.0} if has_random_weights(plan.identity.artefact.weight_files) else {}
