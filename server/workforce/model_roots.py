"""Confined: models of local files are read from the operator's folders only, whoever asks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from predictor.errors import W2SError
from predictor.models.open_files import HeldFiles
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, FeatureSource, Forewarned, LabelSource, Predicted
from predictor.statistics.arrays import Floats, Ints
from predictor.steps import Steps
from server.access.caller import LOCAL

ROOTS = "W2S_MODEL_ROOTS"
"""Folders, joined as PATH is."""

T = TypeVar("T")


class Held:
    """The local models of one job, kept open until its end, so that what is read is what was checked.

    Args:
        roots: folders that models may be read from; none forbids every local path.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(roots)
        self._models: dict[str, HeldFiles] = {}

    def spec(self, spec: ModelSpec) -> ModelSpec:
        """The same model by what is open of it.

        Raises:
            NotFoundError: no such model in the roots.
        """
        if spec.values is not None:
            return spec
        if spec.reference not in self._models:
            self._models[spec.reference] = HeldFiles(spec.reference, self.roots)
        return replace(spec, reference=self._models[spec.reference].reference)

    def told(self, spec: ModelSpec, steps: Steps[T]) -> Steps[T]:
        """The steps, their faults with the paths that the caller knows."""
        try:
            return (yield from steps)
        except W2SError as error:
            held = self._models.get(spec.reference)
            if held is None:
                raise
            field = None if error.field is None else held.told(error.field)
            raise type(error)(held.told(error.message), reason=error.reason, field=field) from error

    def close(self) -> None:
        """Let go of every file."""
        while self._models:
            self._models.popitem()[1].close()


class Confined:
    """A FeatureSource that sees local paths inside the roots only; a path outside is that candidate's own fault."""

    def __init__(self, source: FeatureSource, held: Held) -> None:
        self._source = source
        self._held = held

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        """See `predictor.query.source.FeatureSource`.

        Raises:
            NotFoundError: no such model in the roots.
        """
        return (yield from self._held.told(spec, self._source.features(self._held.spec(spec), pool, settings)))

    def announce(self, specs: Sequence[ModelSpec], pool: Pool) -> None:
        """See `predictor.query.source.Forewarned`; what lies outside the roots is not announced."""
        if not isinstance(self._source, Forewarned):
            return
        inside = []
        for spec in specs:
            try:
                inside.append(self._held.spec(spec))
            except W2SError:  # told where it is asked for
                continue
        self._source.announce(inside, pool)


class ConfinedLabels:
    """A `Confined` whose source also labels rows."""

    def __init__(self, source: FeatureSource, labels: LabelSource, held: Held) -> None:
        self._inner = Confined(source, held)
        self._labels = labels
        self._held = held

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
        return (yield from self._held.told(spec, self._labels.labels(self._held.spec(spec), pool, settings)))

    def refined(
        self, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Floats, contexts: Sequence[Ints]
    ) -> Steps[tuple[Floats, ...]]:
        """See `predictor.query.source.LabelSource`.

        Raises:
            NotFoundError: no such model in the roots.
        """
        steps = self._labels.refined(self._held.spec(spec), pool, settings, weak_labels, contexts)
        return (yield from self._held.told(spec, steps))


@contextmanager
def guarded(source: FeatureSource, tenant: str, environment: Mapping[str, str] = os.environ) -> Iterator[FeatureSource]:
    """The source as this tenant may use it, for one job.

    Where folders are named they bind everybody; where none are, this machine's own user reads any path and everybody
    else none.
    """
    named = environment.get(ROOTS)
    if named is None and tenant == LOCAL:
        yield source
        return
    held = Held([Path(folder) for folder in (named or "").split(os.pathsep) if folder])
    try:
        yield ConfinedLabels(source, source, held) if isinstance(source, LabelSource) else Confined(source, held)
    finally:
        held.close()
