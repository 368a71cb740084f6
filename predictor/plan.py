"""Plan: what a ranking would load, read and take, found out without loading or fetching anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from predictor.errors import UnavailableError, W2SError
from predictor.extraction.backend import effective_precision
from predictor.extraction.identity import Identity
from predictor.extraction.layers import resolve_layers
from predictor.extraction.precision import attempted, bearable
from predictor.folders import cache_dir
from predictor.models.artefact import Artefact
from predictor.models.reference import ModelReference
from predictor.models.resolve import resolve
from predictor.query import ModelSpec, RankingQuery
from predictor.settings import Pooling
from predictor.store.arrays import rows_digest
from predictor.store.features import FeatureStore

WEIGHTS_PER_SECOND = 5e10
"""Weights times tokens that one AVX-512 core gets through in fp32, measured on a 22 M-parameter encoder. Rough."""

CHARACTERS_PER_TOKEN = 4.0


@dataclass(frozen=True)
class Step:
    """What one model will need.

    Attributes:
        name: as in the answer.
        reference: where it comes from.
        layers: as resolved where the model has been looked at before, else as asked for.
        pooling: of tokens; "" for arrays.
        state: `cached`, `to read`, `to fetch` (and then to read), or `fault`.
        seconds: rough time on one core, None where nothing is known of the model.
        fault: why it would fail, or "".
    """

    name: str
    reference: str
    layers: str
    pooling: str
    state: str
    seconds: float | None = None
    fault: str = ""


def plan(query: RankingQuery, cache: Path | None = None) -> tuple[Step, ...]:
    """One step per model, the strong one first. Weights are hashed, which takes seconds a gigabyte once."""
    with _offline():
        return tuple(_step(spec, query, cache or cache_dir()) for spec in (query.strong, *query.weak))


def _step(spec: ModelSpec, query: RankingQuery, cache: Path) -> Step:
    settings = query.settings
    if spec.values is not None:
        return Step(spec.name, spec.reference, "given", "", "cached", 0.0)
    asked = str(spec.layer or settings.layer)
    pooling = str(spec.pooling or settings.pooling)
    try:
        reference = ModelReference.parse(spec.reference)
        if reference.kind == "features":
            FeatureStore(cache / "features").pull(reference.locator)
            return Step(spec.name, spec.reference, "given", "", "cached", 0.0)
        artefact = resolve(reference, cache)
        return _look(artefact, spec, query, cache, asked, pooling)
    except UnavailableError as fault:
        if fault.reason in ("OFFLINE", "HUB_UNREACHABLE"):
            return Step(spec.name, spec.reference, asked, pooling, "to fetch")
        return Step(spec.name, spec.reference, asked, pooling, "fault", fault=fault.message)
    except W2SError as fault:
        return Step(spec.name, spec.reference, asked, pooling, "fault", fault=fault.message)


def _look(artefact: Artefact, spec: ModelSpec, query: RankingQuery, cache: Path, asked: str, pooling: str) -> Step:
    if artefact.form == "array":
        return Step(spec.name, spec.reference, "given", "", "cached", 0.0)
    identity, precise = Identity.of(artefact, cache), query.settings.precision
    precision = effective_precision(artefact, attempted(precise, "auto"))
    card = identity.card(precision)
    if card is None:
        size = sum(path.stat().st_size for path in artefact.weight_files)
        return Step(spec.name, spec.reference, asked, pooling, "to read", _seconds(size / 4, query))
    layers = resolve_layers(asked, card.layers, spec.name)
    if precision == "bf16" and precise == "auto" and not bearable(card.drift, layers):
        precision = "fp32"
    store, rows = FeatureStore(cache / "features"), rows_digest(query.pool)
    reads = cast(Pooling, pooling)
    entries = (identity.key(precision, layer, reads, query.settings.max_length).entry(rows) for layer in layers)
    named = ",".join(str(layer) for layer in layers)
    if all(store.get(entry) is not None for entry in entries):
        return Step(spec.name, spec.reference, named, pooling, "cached", 0.0)
    return Step(spec.name, spec.reference, named, pooling, "to read", _seconds(card.parameters, query))


def _seconds(parameters: float, query: RankingQuery) -> float:
    limit = query.settings.max_length
    tokens = sum(min(limit, 2 + len(text) / CHARACTERS_PER_TOKEN) for text in query.pool.texts)
    budget = query.settings.budget
    share = budget.share if budget is not None and budget.share is not None else 1.0
    return share * parameters * tokens / WEIGHTS_PER_SECOND


@contextmanager
def _offline() -> Iterator[None]:
    before = os.environ.get("W2S_OFFLINE")
    os.environ["W2S_OFFLINE"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["W2S_OFFLINE"]
        else:
            os.environ["W2S_OFFLINE"] = before
