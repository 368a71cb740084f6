"""Features that grow by rows, so that a candidate can be dropped before all rows of it are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSet, FeatureSource, Forewarned
from predictor.ranking.boundary import CandidateBoundary, StrongBoundary
from predictor.ranking.candidate import Elimination, PendingCandidate
from predictor.ranking.describing import voters_of
from predictor.ranking.gathering import Gathered, only_layer
from predictor.statistics.arrays import Ints
from predictor.steps import Progress, Steps
from predictor.truth.voters import Voters


@dataclass
class IncrementalFeatures:
    """Features of every model over the rows read so far.

    Attributes:
        query: of all rows.
        source: gives features of models.
        student: the strong model's features, in the order in which rows are read; None before the first rows.
        rows: row numbers read so far, in that order.
        candidates: by name in the answer, in the order of their first features; rows of the features as in `rows`.
        failed: by name in the request.
        forward_rows: rows that models were run on, over all models but the describers.
        voters: scores of all rows by descriptions and proxies; None where none are given.
        warnings: of describers that failed.
    """

    query: RankingQuery
    source: FeatureSource
    student: FeatureSet | None = None
    rows: Ints = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    candidates: dict[str, PendingCandidate] = field(default_factory=dict)
    failed: dict[str, PendingCandidate] = field(default_factory=dict)
    forward_rows: int = 0
    voters: Voters | None = None
    warnings: tuple[str, ...] = ()

    @property
    def read_voters(self) -> Voters | None:
        """Scores of the rows read, in the order of `rows`."""
        return None if self.voters is None else self.voters.take(self.rows)

    @property
    def active(self) -> dict[str, PendingCandidate]:
        """Candidates that are neither failed nor eliminated."""
        return {name: one for name, one in self.candidates.items() if one.active}

    @property
    def eliminated(self) -> tuple[PendingCandidate, ...]:
        """Candidates that were dropped."""
        return tuple(one for one in self.candidates.values() if one.elimination is not None)

    def eliminate(self, found: Mapping[str, Elimination]) -> None:
        """Drop candidates; their features are not read further."""
        for name, why in found.items():
            self.candidates[name] = replace(self.candidates[name], elimination=why)

    def describe(self) -> Steps[None]:
        """Have every describer read all rows: their scores are centred over them.

        Raises:
            InputError: descriptions are given and every describer failed.
        """
        self.voters, self.warnings = yield from voters_of(self.query, self.source)

    def extend(self, rows: Ints) -> Steps[None]:
        """Read further rows of the strong model and of the active candidates; the first time, of all candidates.

        Args:
            rows: numbers that were not read before.

        Raises:
            W2SError: the strong model failed, or the work was cancelled.
        """
        wanted = [spec for spec in map(self._narrowed, self.query.weak) if spec is not None]
        part = self.query.pool.take(rows)
        if isinstance(self.source, Forewarned):
            self.source.announce((self.query.strong, *wanted), part)
        with StrongBoundary(self.query.strong):
            student = only_layer((yield from self._features(self.query.strong, part, rows)))
        self.student = student if self.student is None else _longer(self.student, student)
        for spec in wanted:
            with CandidateBoundary(spec) as boundary:
                self._grow(spec, (yield from self._features(spec, part, rows)))
            if boundary.failure is not None:
                yield Progress(spec.name, "failed", 0, 1)
                self.candidates = {n: one for n, one in self.candidates.items() if one not in self._active_of(spec)}
                self.failed[spec.name] = PendingCandidate(spec, failure=boundary.failure)
        self.rows = np.concatenate([self.rows, rows])

    def gathered(self) -> Gathered:
        """Active and failed candidates over the rows read, in the pool's order of the rows.

        Context models are the candidates that were dropped after all rows had been read. Without them the prior of all
        models would be that of the remaining ones, and the order another one.
        """
        if self.student is None:
            raise TypeError("nothing was read yet")
        order = np.argsort(self.rows)
        candidates: list[PendingCandidate] = []
        for spec in self.query.weak:
            if spec.name in self.failed:
                candidates.append(self.failed[spec.name])
            active = self._active_of(spec)
            candidates.extend(replace(one, features=_taken(one.known_features, order)) for one in active)
        complete = (one.known_features for one in self.eliminated if len(one.known_features.values) == len(order))
        voters = self.read_voters
        return Gathered(
            _taken(self.student, order),
            tuple(candidates),
            tuple(_taken(features, order) for features in complete),
            None if voters is None else voters.take(order),
            self.warnings,
        )

    def _features(self, spec: ModelSpec, part: Pool, rows: Ints) -> Steps[tuple[FeatureSet, ...]]:
        settings = self.query.settings
        if not spec.needs_rows:
            found = yield from self.source.features(spec, self.query.pool, settings)
            return tuple(_taken(one, rows) for one in found)
        self.forward_rows += len(rows)
        return (yield from self.source.features(spec, part, settings))

    def _of(self, spec: ModelSpec) -> list[PendingCandidate]:
        return [one for one in self.candidates.values() if one.spec.name == spec.name]

    def _active_of(self, spec: ModelSpec) -> list[PendingCandidate]:
        return [one for one in self._of(spec) if one.active]

    def _narrowed(self, spec: ModelSpec) -> ModelSpec | None:
        """The model with the layers that are still wanted; None where there is none."""
        known, active = self._of(spec), self._active_of(spec)
        if spec.name in self.failed:
            return None
        if not known or len(active) == len(known):
            return spec
        return replace(spec, layer=",".join(one.known_features.layer for one in active)) if active else None

    def _grow(self, spec: ModelSpec, found: tuple[FeatureSet, ...]) -> None:
        grown = {}
        for more in found:
            before = next((one for one in self._of(spec) if one.known_features.layer == more.layer), None)
            if before is None:
                grown[more.name] = PendingCandidate(spec, more)
            else:
                grown[before.name] = replace(before, features=_longer(before.known_features, more))
        self.candidates |= grown


def _taken(features: FeatureSet, rows: Ints) -> FeatureSet:
    return replace(features, values=features.values[rows])


def _longer(old: FeatureSet, more: FeatureSet) -> FeatureSet:
    return replace(
        old,
        values=np.concatenate([old.values, more.values]),
        truncated_rows=old.truncated_rows + more.truncated_rows,
        cached=old.cached and more.cached,
        seconds=old.seconds + more.seconds,
        warnings=tuple(dict.fromkeys((*old.warnings, *more.warnings))),
    )
