"""Offered: the models that a form can name, of feature sets, known models and the folders of this server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from predictor.errors import ForbiddenError, InputError
from predictor.models.known_models import KNOWN_MODELS
from protos.w2s.v1 import features_pb2
from server.http.page.visitor import Visitor
from server.workforce.model_roots import ROOTS
from server.workforce.model_sources import ModelSources

MAX_FEATURES = 100
_MAX_FOLDERS = 200
_MARKS = ("config.json", "adapter_config.json", "modules.json")


@dataclass(frozen=True)
class OfferedModel:
    """One model that can be chosen: how it is named in a request, and for people; rows of a feature set, else 0."""

    reference: str
    name: str
    about: str
    rows: int = 0


async def offered(visitor: Visitor, sources: Sequence[str]) -> tuple[OfferedModel, ...]:
    """Every model that the form offers, feature sets first.

    Raises:
        CallError: the caller may not list feature sets.
    """
    request = features_pb2.ListFeaturesRequest(page_size=MAX_FEATURES)
    answer = await visitor.ask("FeatureService", "ListFeatures", request)
    sets = [
        OfferedModel(f"features:{one.name}", f"features:{one.name}", f"{one.rows:,} rows of {one.dim}", one.rows)
        for one in answer.features
    ]
    return (*sets, *_known(sources), *islice(_in_folders(), _MAX_FOLDERS))


def _known(sources: Sequence[str]) -> Iterator[OfferedModel]:
    allowed = ModelSources.parse(sources)
    for model in KNOWN_MODELS:
        try:
            allowed.check(model.pinned)
        except (ForbiddenError, InputError):
            continue
        if model.reads == "text" and not model.convert:
            layers = f"{model.layers} layers of" if model.layers else "static embeddings of"
            yield OfferedModel(model.pinned, model.name, f"{layers} {model.width}")


def _in_folders() -> Iterator[OfferedModel]:
    """Models at most two folders below the roots."""
    for root in filter(None, os.environ.get(ROOTS, "").split(os.pathsep)):
        for mark in _MARKS:
            for depth in ("*", "*/*"):
                for found in sorted(Path(root).glob(f"{depth}/{mark}")):
                    yield OfferedModel(str(found.parent), str(found.parent.relative_to(root)), "on this server")
