"""Confined: models of local files are read from the operator's folders only, whoever asks."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from predictor.models.confine import confine
from predictor.pools import Pool
from predictor.query import FeatureSet, FeatureSource, ModelSpec, Progress, Settings
from server.access.caller import LOCAL

ROOTS = "W2S_MODEL_ROOTS"
"""Folders, joined as PATH is."""


@dataclass(frozen=True)
class Confined:
    """A FeatureSource that sees local paths inside `roots` only; a path outside is that candidate's own fault."""

    source: FeatureSource
    roots: tuple[Path, ...]

    def features(
        self, spec: ModelSpec, pool: Pool, settings: Settings
    ) -> Generator[Progress, None, tuple[FeatureSet, ...]]:
        """See `predictor.query.FeatureSource`.

        Raises:
            NotFoundError: no such model in the roots.
        """
        if spec.values is None:
            spec = replace(spec, reference=confine(spec.reference, self.roots))
        return (yield from self.source.features(spec, pool, settings))


def guarded(source: FeatureSource, tenant: str, environment: Mapping[str, str] = os.environ) -> FeatureSource:
    """The source as this tenant may use it.

    Where folders are named they bind everybody; where none are, this machine's own user reads any path and everybody
    else none.
    """
    named = environment.get(ROOTS)
    if named is None and tenant == LOCAL:
        return source
    return Confined(source, tuple(Path(folder) for folder in (named or "").split(os.pathsep) if folder))
