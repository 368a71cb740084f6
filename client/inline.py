"""Inline: what must be settled on the caller's side before a query travels, because paths mean nothing elsewhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from predictor.arrays import read_array
from predictor.errors import W2SError
from predictor.models.reference import ModelReference
from predictor.query import ModelSpec, RankingQuery
from predictor.result import Ranking

_LOCAL = frozenset({"folder", "onnx", "gguf", "array"})


def inline_query(query: RankingQuery) -> RankingQuery:
    """The query with arrays read and local paths made absolute; names stay as typed."""
    return dataclasses.replace(
        query, strong=_inline(query.strong), weak=tuple(_inline(candidate) for candidate in query.weak)
    )


def in_words_of(query: RankingQuery, ranking: Ranking) -> Ranking:
    """The ranking with the request in its provenance as the caller typed it, relative paths included."""
    provenance = ranking.provenance
    typed = {"strong": query.strong.spelled, "weak": [spec.spelled for spec in query.weak]}
    # Merging keeps the order of keys, and a server that records less is not added to.
    request = {key: typed.get(key, value) for key, value in provenance.request.items()}
    return dataclasses.replace(ranking, provenance=dataclasses.replace(provenance, request=request))


def _inline(spec: ModelSpec) -> ModelSpec:
    if spec.values is not None:
        return spec
    reference = ModelReference.parse(spec.reference)
    if reference.kind == "array":
        try:
            found = read_array(reference.locator)
            return dataclasses.replace(spec, values=np.asarray(found.values), about=found.about)
        except W2SError:
            # A candidate's fault stays its own: the server meets the same one, and ranks the others.
            pass
    return dataclasses.replace(spec, reference=str(_absolute(reference)))


def _absolute(reference: ModelReference) -> ModelReference:
    locator, tokenizer = reference.locator, reference.tokenizer
    if reference.kind in _LOCAL:
        locator = str(Path(locator).expanduser().absolute())
    if tokenizer is not None:
        tokenizer = str(_absolute(ModelReference.parse(tokenizer)))
    return dataclasses.replace(reference, locator=locator, tokenizer=tokenizer)
