"""Staged: features that grow by rows, so that a candidate can be left before all rows of it are read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from predictor.errors import W2SError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, FeatureSource, Forewarned
from predictor.ranking.gathering import only_layer
from predictor.steps import Progress, Steps

Rows = NDArray[np.intp]


@dataclass
class Growing:
    """One model at one layer, as far as it was read.

    Attributes:
        spec: the model in the request.
        features: over the rows read so far, in the order of reading.
    """

    spec: ModelSpec
    features: FeatureSet


@dataclass
class Staged:
    """A feature source over the rows read so far of a larger pool.

    Attributes:
        source: reads models.
        strong: the student.
        pool: all rows.
        settings: of the request.
        read: row numbers, in the order of reading.
        student: the strong model's features, in the order of reading; None before the first.
        models: by the candidate's name in the answer.
        failures: by the name in the request.
        gone: candidates left behind, by name; their features are not given any more.
        forward_rows: rows that were asked of models, over all of them.
    """

    source: FeatureSource
    strong: ModelSpec
    pool: Pool
    settings: Settings
    student: FeatureSet | None = None
    read: Rows = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    models: dict[str, Growing] = field(default_factory=dict)
    failures: dict[str, W2SError] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    forward_rows: int = 0

    def extend(self, weak: tuple[ModelSpec, ...], living: set[str], rows: Rows) -> Steps[None]:
        """Read further rows of the strong model and of the living candidates.

        Args:
            living: names of the candidates wanted; at the first call, when none is known, all.
            rows: numbers not read before.

        Raises:
            W2SError: the strong model's fault, or a cancellation.
        """
        part = self.pool.take(rows)
        wanted = [self._narrowed(spec, living) for spec in weak]
        asked = [spec for spec in wanted if spec is not None]
        if isinstance(self.source, Forewarned):
            self.source.announce((self.strong, *asked), part)
        found = yield from self._features(self.strong, part, rows)
        student = only_layer(found)
        self.student = student if self.student is None else _longer(self.student, student)
        for spec in asked:
            try:
                found = yield from self._features(spec, part, rows)
            except W2SError as error:
                if error.code == "CANCELLED":
                    raise
                yield Progress(spec.name, "failed", 0, 1)
                self.failures[spec.name] = error
                for name in [name for name, one in self.models.items() if one.spec.name == spec.name]:
                    del self.models[name]
                continue
            self._grow(spec, found)
        self.read = np.concatenate([self.read, rows])

    @property
    def context_models(self) -> tuple[FeatureSet, ...]:
        """Candidates that were left behind after all rows had been read of them, in the pool's order of the rows.

        Without them the prior of all models would be that of the candidates left, and the order another one.
        """
        order = np.argsort(self.read)
        known = (self.models[name].features for name in self.models if name in self.gone)
        return tuple(replace(one, values=one.values[order]) for one in known if len(one.values) == len(order))

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        """See `predictor.query.source.FeatureSource`: what was read, in the pool's order of the rows.

        Raises:
            W2SError: what a failed model raised when it was read.
        """
        if spec is not self.strong and spec.name in self.failures:
            raise self.failures[spec.name]
        yield Progress(spec.name, "extract", len(pool), len(pool))
        order = np.argsort(self.read)
        if spec is self.strong and self.student is not None:
            return (replace(self.student, values=self.student.values[order]),)
        mine = [one for name, one in self.models.items() if one.spec.name == spec.name and name not in self.gone]
        return tuple(replace(one.features, values=one.features.values[order]) for one in mine)

    def _features(self, spec: ModelSpec, part: Pool, rows: Rows) -> Steps[tuple[FeatureSet, ...]]:
        if not spec.needs_rows:
            found = yield from self.source.features(spec, self.pool, self.settings)
            return tuple(replace(one, values=one.values[rows]) for one in found)
        self.forward_rows += len(rows)
        return (yield from self.source.features(spec, part, self.settings))

    def _narrowed(self, spec: ModelSpec, living: set[str]) -> ModelSpec | None:
        """The model with the layers that are still wanted; None where there is none."""
        known = [(name, one) for name, one in self.models.items() if one.spec.name == spec.name]
        if not known:
            return None if spec.name in self.failures else spec
        left = [one.features.layer for name, one in known if name in living]
        if not left:
            return None
        return spec if len(left) == len(known) else replace(spec, layer=",".join(left))

    def _grow(self, spec: ModelSpec, found: tuple[FeatureSet, ...]) -> None:
        for more in found:
            name, before = next(
                (
                    (name, one)
                    for name, one in self.models.items()
                    if one.spec.name == spec.name and one.features.layer == more.layer
                ),
                (more.name, None),
            )
            if before is None:
                self.models[name] = Growing(spec, more)
                continue
            before.features = _longer(before.features, more)


def _longer(old: FeatureSet, more: FeatureSet) -> FeatureSet:
    return replace(
        old,
        values=np.concatenate([old.values, more.values]),
        truncated_rows=old.truncated_rows + more.truncated_rows,
        cached=old.cached and more.cached,
        seconds=old.seconds + more.seconds,
        warnings=tuple(dict.fromkeys((*old.warnings, *more.warnings))),
    )
