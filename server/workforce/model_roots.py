"""Model roots: models are read from the operator's folders and sources only, for every tenant."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from predictor.errors import LimitError, W2SError
from predictor.folders import existing_path
from predictor.intake.candidates import expanded
from predictor.models.confine import ConfinedReference, confine
from predictor.query.model_reference import ModelReference
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, FeatureSource, Forewarned, LabelSource, Predicted
from predictor.statistics.arrays import Floats, Ints
from predictor.steps import Steps
from server.access.caller import LOCAL
from server.workforce.model_sources import SOURCES, ModelSources

ROOTS = "W2S_MODEL_ROOTS"
"""Folders, joined as PATH is."""

LOCAL_USER = "W2S_WORKER_LOCAL_USER"
"""Set to 1 by a server without credentials, whose callers are this machine's own user."""

T = TypeVar("T")


class ModelRoots:
    """The folders and sources that models of one job may be read from. Each reference is checked once.

    Args:
        roots: none forbids every local path; None allows all of them.
        sources: where models may be fetched from.
        excluded: errors of the candidates that the job leaves out, by name.
    """

    def __init__(
        self,
        roots: Sequence[Path] | None,
        sources: ModelSources,
        excluded: Mapping[str, W2SError] = MappingProxyType({}),
    ) -> None:
        self._roots = None if roots is None else tuple(roots)
        self._sources = sources
        self._excluded = excluded
        self._checked: dict[str, ConfinedReference] = {}

    def confined(self, spec: ModelSpec) -> ModelSpec:
        """The same model by its real path.

        Raises:
            NotFoundError: no such model in the roots.
            ForbiddenError: a source that the operator did not name.
            W2SError: the candidate is left out.
        """
        if spec.name in self._excluded:
            raise self._excluded[spec.name]
        if spec.values is not None:
            return spec
        self._sources.check(spec.reference)
        if self._roots is None:
            return spec
        if spec.reference not in self._checked:
            confined = confine(spec.reference, self._roots)
            self._sources.check(confined.text)  # an adapter's base may be of the hub
            self._checked[spec.reference] = confined
        return replace(spec, reference=self._checked[spec.reference].text)

    def folder(self, spec: ModelSpec) -> Path | None:
        """The model's folder on this machine, or None where it may not be read, which is reported where it is."""
        try:
            return existing_path(ModelReference.parse(self.confined(spec).reference).locator)
        except W2SError:
            return None

    def named(self, spec: ModelSpec, steps: Steps[T]) -> Steps[T]:
        """The steps; their errors name paths as the caller gave them."""
        try:
            return (yield from steps)
        except W2SError as error:
            checked = self._checked.get(spec.reference)
            if checked is None:
                raise
            field = None if error.field is None else checked.as_given(error.field)
            raise type(error)(checked.as_given(error.message), reason=error.reason, field=field) from error


class Confined:
    """A FeatureSource that sees local paths inside the roots only; a path outside is that candidate's own error."""

    def __init__(self, source: FeatureSource, roots: ModelRoots) -> None:
        self._source = source
        self._roots = roots

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        """See `predictor.query.source.FeatureSource`.

        Raises:
            NotFoundError: no such model in the roots.
        """
        return (yield from self._roots.named(spec, self._source.features(self._roots.confined(spec), pool, settings)))

    def announce(self, specs: Sequence[ModelSpec], pool: Pool) -> None:
        """See `predictor.query.source.Forewarned`; models outside the roots are not announced."""
        if not isinstance(self._source, Forewarned):
            return
        inside = []
        for spec in specs:
            try:
                inside.append(self._roots.confined(spec))
            except W2SError:  # reported where it is requested
                continue
        self._source.announce(inside, pool)


class ConfinedLabels:
    """A `Confined` whose source also labels rows."""

    def __init__(self, source: FeatureSource, labels: LabelSource, roots: ModelRoots) -> None:
        self._inner = Confined(source, roots)
        self._labels = labels
        self._roots = roots

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        """See `Confined`."""
        return self._inner.features(spec, pool, settings)

    def announce(self, specs: Sequence[ModelSpec], pool: Pool) -> None:
        """See `Confined`."""
        self._inner.announce(specs, pool)

    def labels(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[Predicted]:
        """See `predictor.query.source.LabelSource`.

        Raises:
            NotFoundError: no such model in the roots.
        """
        return (yield from self._roots.named(spec, self._labels.labels(self._roots.confined(spec), pool, settings)))

    def refined(
        self, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Floats, contexts: Sequence[Ints]
    ) -> Steps[tuple[Floats, ...]]:
        """See `predictor.query.source.LabelSource`.

        Raises:
            NotFoundError: no such model in the roots.
        """
        steps = self._labels.refined(self._roots.confined(spec), pool, settings, weak_labels, contexts)
        return (yield from self._roots.named(spec, steps))


def roots_of(
    tenant: str,
    environment: Mapping[str, str] = os.environ,
    excluded: Mapping[str, W2SError] = MappingProxyType({}),
) -> ModelRoots:
    """What this tenant may read, for one job, without the candidates that the job leaves out.

    Where folders are named they bind everybody. Where none are, only callers of a server without credentials read any
    path. Sources bind everybody.
    """
    named = environment.get(ROOTS)
    free = named is None and tenant == LOCAL and environment.get(LOCAL_USER) == "1"
    folders = None if free else [Path(folder) for folder in (named or "").split(os.pathsep) if folder]
    return ModelRoots(folders, ModelSources.parse(environment.get(SOURCES, "").split()), excluded)


def guarded(source: FeatureSource, roots: ModelRoots) -> FeatureSource:
    """The source as the roots let it be used."""
    return ConfinedLabels(source, source, roots) if isinstance(source, LabelSource) else Confined(source, roots)


def with_checkpoints(query: RankingQuery, roots: ModelRoots, max_candidates: int) -> RankingQuery:
    """The query with each checkpoint of a training's folder in the roots as a candidate, as in a caller's own process.

    Raises:
        LimitError: they are too many.
    """
    weak = tuple(one for spec in query.weak for one in _checkpoints(spec, roots))
    if len(weak) > max_candidates:
        raise LimitError(
            f"with their checkpoints the candidates are {len(weak)}; at most {max_candidates} are ranked here. Name "
            "some of the checkpoints.",
            reason="OVER_LIMIT",
            field="weak",
        )
    return replace(query, weak=weak)


def _checkpoints(spec: ModelSpec, roots: ModelRoots) -> tuple[ModelSpec, ...]:
    """The candidate's checkpoints, or itself where its folder cannot be read, which is its own error later."""
    try:
        return expanded(spec, roots.folder)
    except (W2SError, OSError):
        return (spec,)
