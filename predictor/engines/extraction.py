"""Extraction on a cluster: a feature source that has workers read models into the shared store, and reads it there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, FeatureSource, LabelSource, Predicted
from predictor.statistics.arrays import Floats, Ints
from predictor.steps import Progress, Steps
from predictor.store.features import FeatureStore

if TYPE_CHECKING:
    from predictor.query.pool import Pool


class Readers(Protocol):
    """What this source asks of the engine."""

    folder: Path

    def read(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Any:
        """Start reading."""
        ...

    def result(self, future: Any, name: str, phase: str = "estimate", total: int = 1) -> Steps[Any]:
        """Wait for it."""
        ...


class ClusterSource:
    """Features read by workers; everything else as the source of this process would give it.

    All models that were announced are started together, so that candidates are read at once.
    """

    def __init__(self, engine: Readers, local: FeatureSource) -> None:
        self._engine = engine
        self._local = local
        self._announced: tuple[Sequence[ModelSpec], Pool] | None = None
        self._reading: dict[ModelSpec, Any] = {}

    def announce(self, specs: Sequence[ModelSpec], pool: Pool) -> None:
        """See `predictor.query.source.Forewarned`."""
        self._announced = (tuple(specs), pool)

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        """See `predictor.query.source.FeatureSource`."""
        if not _run_by_workers(spec, pool):
            return (yield from self._local.features(spec, pool, settings))
        if self._announced is not None and self._announced[1] is pool:
            for one in self._announced[0]:
                if one not in self._reading and _run_by_workers(one, pool):
                    self._reading[one] = self._engine.read(one, pool, settings)
            self._announced = None
        future = self._reading.pop(spec, None) or self._engine.read(spec, pool, settings)
        yield Progress(spec.name, "extract", 0, len(pool))
        pieces = yield from self._engine.result(future, spec.name, "extract", len(pool))
        if pieces is None:
            return (yield from self._local.features(spec, pool, settings))
        yield Progress(spec.name, "extract", len(pool), len(pool))
        store = FeatureStore(self._engine.folder / "features")
        return tuple(piece.load(store) for piece in pieces)

    def labels(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[Predicted]:
        """See `predictor.query.source.LabelSource`; this process labels."""
        return (yield from self._labeller().labels(spec, pool, settings))

    def refined(
        self, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Floats, contexts: Sequence[Ints]
    ) -> Steps[tuple[Floats, ...]]:
        """See `predictor.query.source.LabelSource`; this process refines."""
        return (yield from self._labeller().refined(spec, pool, settings, weak_labels, contexts))

    def _labeller(self) -> LabelSource:
        if not isinstance(self._local, LabelSource):
            raise TypeError("a source that runs models also labels")
        return self._local


def _run_by_workers(spec: ModelSpec, pool: Pool) -> bool:
    return bool(pool.texts) and spec.values is None and not spec.reference.startswith(("array:", "features:"))
