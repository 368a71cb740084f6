"""Gathering: features of the strong model and of every candidate, with each candidate's fault kept to itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from predictor.errors import InputError, W2SError
from predictor.estimators.problem import Refined
from predictor.query.model_spec import ModelSpec
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, FeatureSource, Forewarned
from predictor.ranking.labelling import label
from predictor.results.ranking import Failure
from predictor.statistics.arrays import Floats
from predictor.steps import Progress, Steps


@dataclass(frozen=True, eq=False)
class Found:
    """One candidate: its features, or why there are none.

    Attributes:
        name: `ALIAS#layer=3` where one model gives several layers.
        asked: the name in the request, shared by the layers of one model.
        weak_labels: (n, k) what the model itself said of the rows, where it was asked.
        refined: its labels as the prompted strong model refined them, where that was asked.
    """

    name: str
    asked: str
    features: FeatureSet | None = None
    failure: Failure | None = None
    weak_labels: Floats | None = None
    refined: Refined | None = None


@dataclass(frozen=True, eq=False)
class Gathered:
    """Everything that a ranking is computed from.

    Attributes:
        strong: the student's features at its one layer.
        candidates: in the order asked for, several layers of one model side by side.
        context models: models that are not judged any more; see `predictor.estimators.problem.Case`.
    """

    strong: FeatureSet
    candidates: tuple[Found, ...]
    context_models: tuple[FeatureSet, ...] = ()

    @property
    def living(self) -> tuple[FeatureSet, ...]:
        """Features of the candidates that have any."""
        return tuple(one.features for one in self.candidates if one.features is not None)


def gather(query: RankingQuery, source: FeatureSource) -> Steps[Gathered]:
    """Ask the source for every model of the query.

    Raises:
        W2SError: the strong model's fault, or a cancellation.
    """
    if isinstance(source, Forewarned):
        source.announce((query.strong, *query.weak), query.pool)
    strong = yield from source.features(query.strong, query.pool, query.settings)
    student = only_layer(strong)
    candidates: list[Found] = []
    for spec in query.weak:
        try:
            found = yield from source.features(spec, query.pool, query.settings)
            said = None if spec.labels is None else (yield from label(spec, query, source))
        except W2SError as error:
            if error.code == "CANCELLED":
                raise
            yield Progress(spec.name, "failed", 0, 1)
            candidates.append(Found(spec.name, spec.name, failure=Failure(error.code, error.reason, error.message)))
            continue
        if said is None:
            candidates.extend(Found(features.name, spec.name, features) for features in found)
            continue
        told = [replace(features, warnings=(*features.warnings, *said.warnings)) for features in found]
        candidates.extend(Found(one.name, spec.name, one, weak_labels=said.values) for one in told)
    return Gathered(student, tuple(candidates))


def only_layer(found: Sequence[FeatureSet]) -> FeatureSet:
    """The strong model's features.

    Raises:
        InputError: it was read at several layers.
    """
    if len(found) != 1:
        raise _several([one.layer for one in found])
    return found[0]


def check_one_layer(query: RankingQuery) -> None:
    """Refuse a strong model of several numbered layers before anything is read; `only_layer` sees what words hide.

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
