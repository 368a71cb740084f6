"""Engine: what a ranking asks of wherever its work runs. `local` is this process; `dask` is a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.problem import Representation
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource
from predictor.spectral.alignment import Alignment
from predictor.spectral.kernels import StreamedKernel
from predictor.steps import Steps


@dataclass(frozen=True, eq=False)
class Aligned:
    """One candidate's kernel and its alignment with the strong model, computed elsewhere."""

    kernel: StreamedKernel
    alignment: Alignment


class Engine(Protocol):
    """Extracts and aligns elsewhere; what it does not do is done in this process, with the same numbers."""

    def source(self, query: RankingQuery, local: FeatureSource) -> FeatureSource:
        """Where the features of a query come from, given where they would come from without the engine."""
        ...

    def begin(self, strong: Representation, weak: Mapping[str, NDArray[np.floating]]) -> Steps[None]:
        """Start aligning (n, d) features of candidates with the strong model, whose kernel is known afterwards."""
        ...

    def aligned(self, name: str) -> Steps[Aligned | None]:
        """One candidate's alignment; None where this process had better make it.

        Raises:
            W2SError: the candidate's own fault, or its workers were lost.
        """
        ...


class LocalEngine:
    """This process: nothing is done elsewhere."""

    def source(self, query: RankingQuery, local: FeatureSource) -> FeatureSource:
        """See `Engine`."""
        return local

    def begin(self, strong: Representation, weak: Mapping[str, NDArray[np.floating]]) -> Steps[None]:
        """See `Engine`."""
        yield from ()

    def aligned(self, name: str) -> Steps[Aligned | None]:
        """See `Engine`."""
        yield from ()
        return None


HERE = LocalEngine()
