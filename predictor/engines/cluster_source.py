"""A feature source whose models are run by the workers of a cluster, through the shared store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from predictor.engines.cluster import Cluster
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, FeatureSource, LabelSource, Predicted
from predictor.statistics.arrays import Floats, Ints
from predictor.steps import Progress, Steps
from predictor.store.features import FeatureStore

if TYPE_CHECKING:
    from distributed import Future


class ClusterSource:
    """Features extracted by workers; labels, and features that no model has to be run for, from this process.

    All models that were announced are started together, so that candidates are extracted in parallel.
    """

    def __init__(self, cluster: Cluster, local: FeatureSource, labeller: LabelSource) -> None:
        self._cluster = cluster
        self._local = local
        self._labeller = labeller
        self._announced: tuple[Sequence[ModelSpec], Pool] | None = None
        self._started: dict[ModelSpec, Future] = {}

    def announce(self, specs: Sequence[ModelSpec], pool: Pool) -> None:
        """See `predictor.query.source.Forewarned`."""
        self._announced = (tuple(specs), pool)

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        """See `predictor.query.source.FeatureSource`."""
        if not _run_by_workers(spec, pool):
            return (yield from self._local.features(spec, pool, settings))
        if self._announced is not None and self._announced[1] is pool:
            for one in self._announced[0]:
                if one not in self._started and _run_by_workers(one, pool):
                    self._started[one] = self._cluster.extract(one, pool, settings)
            self._announced = None
        future = self._started.pop(spec, None) or self._cluster.extract(spec, pool, settings)
        yield Progress(spec.name, "extract", 0, len(pool))
        pieces = yield from self._cluster.result(future, spec.name, len(pool))
        if pieces is None:
            return (yield from self._local.features(spec, pool, settings))
        yield Progress(spec.name, "extract", len(pool), len(pool))
        store = FeatureStore(self._cluster.folder / "features")
        return tuple(piece.load(store) for piece in pieces)

    def labels(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[Predicted]:
        """See `predictor.query.source.LabelSource`; this process labels."""
        return (yield from self._labeller.labels(spec, pool, settings))

    def refined(
        self, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Floats, contexts: Sequence[Ints]
    ) -> Steps[tuple[Floats, ...]]:
        """See `predictor.query.source.LabelSource`; this process refines."""
        return (yield from self._labeller.refined(spec, pool, settings, weak_labels, contexts))


def _run_by_workers(spec: ModelSpec, pool: Pool) -> bool:
    return bool(pool.texts) and spec.layered
