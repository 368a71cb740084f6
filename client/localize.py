"""Localize: resolves local paths before a query is sent, and restores the caller's paths in the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.errors import W2SError
from predictor.intake.request import Model
from predictor.query.model_reference import ModelReference
from predictor.query.model_spec import ModelSpec, read_spec
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.results.candidate import Candidate
from predictor.results.ranking import Ranking
from predictor.store.array_files import read_array
from predictor.store.array_layers import array_layers
from predictor.store.arrays import layers_asked, token_pooling
from protos import convert


def localized_query(query: RankingQuery) -> RankingQuery:
    """The query with arrays read and local paths made absolute; names stay as given."""
    return dataclasses.replace(
        query,
        strong=_only(_localized(query.strong, query.settings), query.strong),
        weak=tuple(one for candidate in query.weak for one in _localized(candidate, query.settings)),
    )


def named_set(strong: Model, weak: Model | Sequence[Model] | Mapping[str, Model]) -> str | None:
    """The name of the first feature set among the models of a request, or None."""
    models: list[Model] = [strong]
    if isinstance(weak, Mapping):
        models.extend(weak.values())
    elif isinstance(weak, Sequence) and not isinstance(weak, str):
        models.extend(weak)
    else:
        models.append(weak)
    for model in models:
        reference = read_spec(model).parsed if isinstance(model, str) else None
        if reference is not None and reference.kind == "features":
            return reference.locator
    return None


def ranking_as_given(query: RankingQuery, ranking: Ranking) -> Ranking:
    """The ranking in the caller's own words: the paths in its request and its failures as they were given."""
    given = {"strong": query.strong.as_given, "weak": [spec.as_given for spec in query.weak]}
    # Values are replaced in place, so that the order of keys stays and a server that records less is not added to.
    request = {key: given.get(key, value) for key, value in ranking.provenance.request.items()}
    return dataclasses.replace(
        ranking,
        candidates=tuple(_candidate_as_given(query, candidate) for candidate in ranking.candidates),
        provenance=dataclasses.replace(ranking.provenance, request=request),
    )


def error_as_given(query: RankingQuery, error: W2SError) -> W2SError:
    """The error of a job with paths as they were given."""
    field = None if error.field is None else _as_given(query, convert.field_of(error.field))
    return type(error)(_as_given(query, error.message), reason=error.reason, field=field)


def _candidate_as_given(query: RankingQuery, candidate: Candidate) -> Candidate:
    failure = candidate.error
    if failure is None:
        return candidate
    return dataclasses.replace(candidate, error=dataclasses.replace(failure, message=_as_given(query, failure.message)))


def _as_given(query: RankingQuery, text: str) -> str:
    for spec in (query.strong, *query.weak):
        if spec.values is None:
            reference = spec.parsed
            text = text.replace(_absolute(reference).locator, reference.locator)
    return text


def _only(found: tuple[ModelSpec, ...], given: ModelSpec) -> ModelSpec:
    """The one spec of the strong model; that as given where there are several, which the server refuses."""
    return found[0] if len(found) == 1 else given


def _localized(spec: ModelSpec, settings: Settings) -> tuple[ModelSpec, ...]:
    """The model with its array read: each of its layers that is asked for is a model."""
    if spec.values is not None and np.ndim(spec.values) < 3:
        return (spec,)
    try:
        if spec.values is not None:
            return _layers(spec, np.asarray(spec.values))
        if spec.is_array:
            found = read_array(spec.parsed.locator, token_pooling(spec, settings))
            return _layers(dataclasses.replace(spec, about=found.about), found.values)
    except W2SError:
        # A candidate's error stays its own: the server meets the same one, and ranks the others.
        pass
    return (spec,) if spec.values is not None else (dataclasses.replace(spec, reference=str(_absolute(spec.parsed))),)


def _layers(spec: ModelSpec, values: NDArray[np.generic]) -> tuple[ModelSpec, ...]:
    return tuple(
        dataclasses.replace(spec, name=layer.name, values=layer.values, layer=None)
        for layer in array_layers(values, layers_asked(spec), spec.name)
    )


def _absolute(reference: ModelReference) -> ModelReference:
    locator, tokenizer, base = reference.locator, reference.tokenizer, reference.base
    if reference.local:
        locator = str(Path(locator).expanduser().absolute())
    if tokenizer is not None:
        tokenizer = str(_absolute(ModelReference.parse(tokenizer)))
    if base is not None:
        base = str(_absolute(ModelReference.parse(base)))
    return dataclasses.replace(reference, locator=locator, tokenizer=tokenizer, base=base)
