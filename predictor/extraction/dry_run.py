"""Dry run: what a ranking would load and run, and roughly how long it takes. Nothing is loaded or fetched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from predictor.errors import UnavailableError, W2SError
from predictor.extraction.identity import Identity
from predictor.extraction.labeller import LabelKey, labelling_artefact
from predictor.extraction.layers import resolve_layers
from predictor.extraction.precision import drift_allowed, preferred_precision
from predictor.extraction.prefetch import pooling_of
from predictor.folders import cache_dir
from predictor.models.artefact import Artefact
from predictor.models.resolve import resolve
from predictor.query.model_spec import ModelSpec
from predictor.query.prompt import LabelPrompt
from predictor.query.query import RankingQuery
from predictor.query.settings import Pooling
from predictor.store.arrays import rows_digest
from predictor.store.features import FeatureStore

WEIGHTS_PER_SECOND = 5e10
"""Weights times tokens that one AVX-512 core gets through in fp32, measured on a 22 M-parameter encoder. Rough."""

CHARACTERS_PER_TOKEN = 4.0


Work = Literal["features", "labels", "refined labels"]


@dataclass(frozen=True)
class Step:
    """What one model will need for one kind of work.

    Attributes:
        name: as in the answer.
        reference: where it comes from.
        layers: as resolved where the model has been looked at before, else as asked for; of labels, what gives them:
            `logits` or `words`; of refined labels, the largest number of candidates that are refined.
        pooling: of tokens; "" for arrays and labels.
        state: `cached`, `to read`, `to fetch` (and then to read), or `error`.
        seconds: rough time on one core, None where nothing is known of the model.
        error: why it would fail, or "".
        work: features of the rows, labels of the rows by the model itself (`#labels=`), or candidates' labels refined
            by the prompted strong model.
    """

    name: str
    reference: str
    layers: str
    pooling: str
    state: str
    seconds: float | None = None
    error: str = ""
    work: Work = "features"


def plan(query: RankingQuery, refined_rows: int, cache: Path | None = None) -> tuple[Step, ...]:
    """The steps of a ranking: features of the strong model and of each candidate, then labels, then refined labels.

    Weights are hashed, which takes seconds per gigabyte once.

    Args:
        refined_rows: rows at most that prompted refinement relabels per candidate.
        cache: cache folder; `predictor.folders.cache_dir()` where None.
    """
    folder = cache or cache_dir()
    with _offline():
        features = [_features(spec, query, folder) for spec in (query.strong, *query.weak)]
        labels = [_labels(spec, query, folder) for spec in query.weak if spec.labels is not None]
        refined = [_refined(query, features[1:], refined_rows, folder)] if query.settings.refine == "prompted" else []
    return (*features, *labels, *refined)


def _features(spec: ModelSpec, query: RankingQuery, cache: Path) -> Step:
    settings = query.settings
    if spec.values is not None:
        return Step(spec.name, spec.reference, "given", "", "cached", 0.0)
    asked = str(spec.layer or settings.layer)
    pooling = str(spec.pooling or settings.pooling)

    def look() -> Step:
        reference = spec.parsed
        if reference.kind == "features":
            FeatureStore(cache / "features").pull(reference.locator)
            return Step(spec.name, spec.reference, "given", "", "cached", 0.0)
        artefact = resolve(reference, cache)
        return _look(artefact, spec, query, cache, asked, pooling_of(artefact, spec, settings))

    return _seen(look, Step(spec.name, spec.reference, asked, pooling, "to fetch"))


def _labels(spec: ModelSpec, query: RankingQuery, cache: Path) -> Step:
    """One pass over the rows by the candidate, its prompt around each where it is asked for words."""
    settings, kind = query.settings, str(spec.labels)
    label_prompt = settings.label_prompt if kind == "words" else None
    blank = Step(spec.name, spec.reference, kind, "", "to fetch", work="labels")

    def look() -> Step:
        artefact = labelling_artefact(spec, query.pool, cache)
        key = LabelKey.of(artefact, cache, kind, settings, "auto", label_prompt)
        if FeatureStore(cache / "features").get(key.entry(rows_digest(query.pool))) is not None:
            return replace(blank, state="cached", seconds=0.0)
        seconds = _seconds(_weights(artefact, cache), query, _frame(label_prompt))
        return replace(blank, state="to read", seconds=seconds)

    return _seen(look, blank)


def _refined(query: RankingQuery, candidates: Sequence[Step], refined_rows: int, cache: Path) -> Step:
    """Two passes over some rows per candidate by the strong model; prefixes that rows share are not counted.

    Candidates that bring labels of their own are refined once, others once a layer, if a head can be trained at all.
    """
    strong, settings, labels = query.strong, query.settings, query.labels
    passes = sum(
        1 if spec.labels is not None or spec.name in query.weak_labels else len(step.layers.split(","))
        for spec, step in zip(query.weak, candidates, strict=True)
        if labels is not None or spec.labels is not None or spec.name in query.weak_labels
    )
    rows = len(query.pool) if labels is None else int(np.count_nonzero(~labels.known))
    share = min(rows, refined_rows) / len(query.pool)
    blank = Step(strong.name, strong.reference, str(passes), "", "to fetch", work="refined labels")

    def look() -> Step:
        artefact = labelling_artefact(strong, query.pool, cache)
        seconds = _seconds(_weights(artefact, cache), query, _frame(settings.label_prompt))
        return replace(blank, state="to read", seconds=2 * passes * share * seconds)

    return _seen(look, blank)


def _seen(look: Callable[[], Step], blank: Step) -> Step:
    """The step that `look` finds; `blank` where the model must be fetched first, with the error where there is one."""
    try:
        return look()
    except UnavailableError as error:
        if error.reason in ("OFFLINE", "HUB_UNREACHABLE"):
            return blank
        return replace(blank, state="error", error=error.message)
    except W2SError as error:
        return replace(blank, state="error", error=error.message)


def _look(artefact: Artefact, spec: ModelSpec, query: RankingQuery, cache: Path, asked: str, pooling: Pooling) -> Step:
    if not artefact.form.backend:
        return Step(spec.name, spec.reference, "given", "", "cached", 0.0)
    identity, precise = Identity.of(artefact, cache), query.settings.precision
    precision = artefact.form.precision(preferred_precision(precise, "auto"))
    facts = identity.facts(precision)
    if facts is None:
        return Step(spec.name, spec.reference, asked, pooling, "to read", _seconds(_weights(artefact, cache), query))
    layers = resolve_layers(asked, facts.layers, spec.name)
    if precision == "bf16" and precise == "auto" and not drift_allowed(facts.drift, layers):
        precision = "fp32"
    store, rows = FeatureStore(cache / "features"), rows_digest(query.pool)
    entries = (identity.key(precision, layer, pooling, query.settings.max_length).entry(rows) for layer in layers)
    named = ",".join(str(layer) for layer in layers)
    if all(store.get(entry) is not None for entry in entries):
        return Step(spec.name, spec.reference, named, pooling, "cached", 0.0)
    return Step(spec.name, spec.reference, named, pooling, "to read", _seconds(facts.parameters, query))


def _weights(artefact: Artefact, cache: Path) -> float:
    """How many, from an earlier look at the model or else from its files, as if each had four bytes."""
    facts = Identity.of(artefact, cache).facts("fp32")
    return float(facts.parameters if facts else sum(path.stat().st_size for path in artefact.weight_files) / 4)


def _frame(label_prompt: LabelPrompt | None) -> int:
    """Characters that a prompt puts around a row."""
    return (
        0 if label_prompt is None else len(label_prompt.answer(label_prompt.words[0])) + len(label_prompt.question(""))
    )


def _seconds(parameters: float, query: RankingQuery, frame: int = 0) -> float:
    limit = query.settings.max_length
    tokens = sum(min(limit, 2 + (frame + len(text)) / CHARACTERS_PER_TOKEN) for text in query.pool.texts)
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
