"""Features and labels of the strong model and of every candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from predictor.errors import InputError
from predictor.query.model_spec import ModelSpec
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, FeatureSource, Forewarned, Predicted
from predictor.ranking.boundary import CandidateBoundary, StrongBoundary
from predictor.ranking.candidate import PendingCandidate
from predictor.ranking.describing import voters_of
from predictor.ranking.labelling import label
from predictor.steps import Progress, Steps
from predictor.truth.voters import Voters


@dataclass(frozen=True, eq=False)
class Gathered:
    """Everything that a ranking is computed from.

    Attributes:
        strong: the student's features at its one layer.
        candidates: in the order asked for, several layers of one model side by side.
        voters: scores of the rows by descriptions and proxies; None where none are given.
        warnings: of describers that failed.
        context_models: models that are not ranked any more; see `predictor.estimators.problem.Case`.
    """

    strong: FeatureSet
    candidates: tuple[PendingCandidate, ...]
    context_models: tuple[FeatureSet, ...] = ()
    voters: Voters | None = None
    warnings: tuple[str, ...] = ()

    @property
    def active(self) -> tuple[FeatureSet, ...]:
        """Features of the candidates that did not fail."""
        return tuple(one.known_features for one in self.candidates if one.active)


def gather(query: RankingQuery, source: FeatureSource) -> Steps[Gathered]:
    """Ask the source for every model of the query.

    Raises:
        W2SError: the strong model failed, or the work was cancelled.
    """
    if isinstance(source, Forewarned):
        describers = (one.as_describer for one in query.describers)
        source.announce((query.strong, *query.weak, *describers), query.pool)
    with StrongBoundary(query.strong):
        strong = only_layer((yield from source.features(query.strong, query.pool, query.settings)))
    candidates: list[PendingCandidate] = []
    for spec in query.weak:
        with CandidateBoundary(spec) as boundary:
            found = yield from source.features(spec, query.pool, query.settings)
            predicted = None if spec.labels is None else (yield from label(spec, query, source))
            candidates.extend([_candidate(spec, features, predicted) for features in found])
        if boundary.failure is not None:
            yield Progress(spec.name, "failed", 0, 1)
            candidates.append(PendingCandidate(spec, failure=boundary.failure))
    voters, warnings = yield from voters_of(query, source)
    return Gathered(strong, tuple(candidates), voters=voters, warnings=warnings)


def _candidate(spec: ModelSpec, features: FeatureSet, predicted: Predicted | None) -> PendingCandidate:
    if predicted is None:
        return PendingCandidate(spec, features)
    warned = replace(features, warnings=(*features.warnings, *predicted.warnings))
    return PendingCandidate(spec, warned, np.asarray(predicted.values, dtype=np.float64))


def only_layer(found: Sequence[FeatureSet]) -> FeatureSet:
    """The strong model's features.

    Raises:
        InputError: it was read at several layers.
    """
    if len(found) != 1:
        raise _several([one.layer for one in found])
    return found[0]


def check_one_layer(query: RankingQuery) -> None:
    """Refuse a strong model of several numbered layers before anything is read; `only_layer` checks the resolved ones.

    Raises:
        InputError: it is to be read at several layers.
    """
    asked = numbered_layers(query.strong, query.settings)
    if len(asked) > 1:
        raise _several([str(number) for number in asked])


def numbered_layers(spec: ModelSpec, settings: Settings) -> tuple[int, ...]:
    """The layers that are asked of a model by number, each once; none of arrays, which have no layers."""
    if not spec.layered:
        return ()
    pieces = (piece.strip() for piece in (spec.layer or settings.layer).split(","))
    return tuple(dict.fromkeys(int(piece) for piece in pieces if piece.isascii() and piece.isdigit()))


def _several(layers: Sequence[str]) -> InputError:
    return InputError(
        f"the strong model gives {len(layers)} layers ({', '.join(layers)}); it must be read at one. Name it as in "
        "MODEL#layer=6.",
        reason="STRONG_LAYERS",
        field="strong",
    )
