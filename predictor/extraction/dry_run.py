"""Dry run: what a ranking would load, download and run, and roughly how long it takes.

No weights are loaded or fetched. The hub and the registry are asked for the sizes of what is not here.

The time of a pass is the multiplications that the headers of the weights and a sample of tokenised rows give, over the
rate of a short probe (`predictor.extraction.pass_cost`). Loading is not counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from predictor.errors import UnavailableError, W2SError
from predictor.extraction.backend import Runtime
from predictor.extraction.identity import Identity
from predictor.extraction.label_key import LabelKey, label_precision
from predictor.extraction.labeller import labelling_artefact
from predictor.extraction.layers import resolve_layers
from predictor.extraction.pass_cost import block_count, mean_tokens, measured_rates, multiplied_weights
from predictor.extraction.precision import drift_allowed, preferred_precision
from predictor.extraction.prefetch import pooling_of
from predictor.folders import cache_dir
from predictor.models.artefact import Artefact
from predictor.models.downloads import Download, Downloads
from predictor.models.resolve import resolve
from predictor.query.model_spec import ModelSpec
from predictor.query.prompt import LabelPrompt
from predictor.query.query import RankingQuery
from predictor.query.row_form import RowForm
from predictor.query.settings import Pooling
from predictor.statistics.threads import usable_threads
from predictor.store.arrays import rows_digest
from predictor.store.features import FeatureStore

SOME_BLOCKS = 0.5
"""Share of the blocks of the default, middle layer, where a model's number of blocks is not known."""

Work = Literal["features", "descriptions", "labels", "refined labels"]


@dataclass(frozen=True)
class Step:
    """What one model will need for one kind of work.

    Attributes:
        name: as in the answer.
        reference: where it comes from.
        layers: as resolved where the model has been looked at before, else as asked for; of labels, what gives them:
            `logits` or `words`; of refined labels, the largest number of candidates that are refined.
        pooling: of tokens; "" for arrays and labels.
        state: `cached`, `to read`, `shared` (read in the pass of an earlier step), `to fetch` (and then to read), or
            `error`.
        seconds: rough time of its forward passes here, None where nothing is known of the model.
        error: why it would fail, or "".
        download: what must be downloaded first; None in states other than `to fetch`.
        work: features of the rows, their likeness to the task descriptions, labels of the rows by the model itself
            (`#labels=`), or candidates' labels refined by the prompted strong model.
    """

    name: str
    reference: str
    layers: str
    pooling: str
    state: str
    seconds: float | None = None
    error: str = ""
    download: Download | None = None
    work: Work = "features"


@dataclass(frozen=True)
class _Pass:
    """A forward pass over the pool. Steps of the same model share the deepest of theirs.

    Attributes:
        model: weights, tokenizer and precision.
        seconds: through all blocks.
        share: of the blocks that it goes through.
    """

    model: tuple[str, str, str]
    seconds: float
    share: float


@dataclass(frozen=True)
class _Planner:
    """Plans of one query.

    Attributes:
        rate: multiplications a second of forward passes, by precision.
    """

    query: RankingQuery
    cache: Path
    rate: Callable[[str], float]

    def features(self) -> list[Step]:
        """One step per model that gives features; models that share a pass count it once, at its deepest layer."""
        query = self.query
        found = [self._features(spec, "features") for spec in (query.strong, *query.weak)]
        found += [self._features(spec.as_describer, "descriptions") for spec in query.describers]
        deepest: dict[tuple[str, str, str], float] = {}
        for _, run in found:
            if run is not None:
                deepest[run.model] = max(deepest.get(run.model, 0.0), run.share)
        steps, counted = [], set()
        for step, run in found:
            if run is None:
                steps.append(step)
            elif run.model in counted:
                steps.append(replace(step, state="shared", seconds=0.0))
            else:
                counted.add(run.model)
                steps.append(replace(step, seconds=run.seconds * deepest[run.model]))
        return steps

    def labels(self, spec: ModelSpec) -> Step:
        """One pass over the rows by the candidate, its prompt around each where it is asked for words."""
        settings, kind = self.query.settings, str(spec.labels)
        label_prompt = settings.label_prompt if kind == "words" else None
        blank = Step(spec.name, spec.reference, kind, "", "to fetch", work="labels")

        def look() -> Step:
            artefact = labelling_artefact(spec, self.query.pool, self.cache)
            key = LabelKey.of(artefact, self.cache, kind, settings, RowForm.of(spec, settings), "auto", label_prompt)
            if FeatureStore(self.cache / "features").get(key.entry(rows_digest(self.query.pool))) is not None:
                return replace(blank, state="cached", seconds=0.0)
            precision = label_precision(settings, "auto")
            return replace(blank, state="to read", seconds=self._seconds(artefact, precision, _frame(label_prompt)))

        return _seen(look, blank)

    def refined(self, candidates: Sequence[Step], refined_rows: int) -> Step:
        """Two passes over some rows per candidate by the strong model; prefixes that rows share are not counted.

        Candidates that bring labels of their own are refined once, others once a layer, if a head can be trained at
        all.
        """
        strong, settings, labels = self.query.strong, self.query.settings, self.query.labels
        passes = sum(
            1 if spec.labels is not None or spec.name in self.query.weak_labels else len(step.layers.split(","))
            for spec, step in zip(self.query.weak, candidates, strict=True)
            if labels is not None or spec.labels is not None or spec.name in self.query.weak_labels
        )
        rows = len(self.query.pool) if labels is None else int(np.count_nonzero(~labels.known))
        share = min(rows, refined_rows) / len(self.query.pool)
        blank = Step(strong.name, strong.reference, str(passes), "", "to fetch", work="refined labels")

        def look() -> Step:
            artefact = labelling_artefact(strong, self.query.pool, self.cache)
            precision = label_precision(settings, "auto")
            seconds = self._seconds(artefact, precision, _frame(settings.label_prompt))
            return replace(blank, state="to read", seconds=2 * passes * share * seconds)

        return _seen(look, blank)

    def _features(self, spec: ModelSpec, work: Work) -> tuple[Step, _Pass | None]:
        settings = self.query.settings
        if spec.values is not None:
            return Step(spec.name, spec.reference, "given", "", "cached", 0.0), None
        asked = str(spec.layer or settings.layer)
        pooling = str(spec.pooling or settings.pooling)
        passes: list[_Pass] = []

        def look() -> Step:
            reference = spec.parsed
            if reference.kind == "features":
                FeatureStore(self.cache / "features").pull(reference.locator)
                return Step(spec.name, spec.reference, "given", "", "cached", 0.0)
            artefact = resolve(reference, self.cache)
            if not artefact.form.backend:
                return Step(spec.name, spec.reference, "given", "", "cached", 0.0)
            step, run = self._look(artefact, spec, asked, pooling_of(artefact, spec, settings))
            passes.extend([] if run is None else [run])
            return step

        step = _seen(look, Step(spec.name, spec.reference, asked, pooling, "to fetch"))
        return replace(step, work=work), passes[0] if passes else None

    def _look(self, artefact: Artefact, spec: ModelSpec, asked: str, pooling: Pooling) -> tuple[Step, _Pass | None]:
        settings = self.query.settings
        identity = Identity.of(artefact, self.cache)
        precision = artefact.form.precision(preferred_precision(settings.precision, "auto"))
        facts = identity.facts(precision)
        blocks = block_count(artefact) if facts is None else facts.layers
        step = Step(spec.name, spec.reference, asked, pooling, "to read")
        share = SOME_BLOCKS if asked == "middle" else 1.0
        if facts is not None:
            layers = resolve_layers(asked, facts.layers, spec.name)
            if precision == "bf16" and settings.precision == "auto" and not drift_allowed(facts.drift, layers):
                precision = "fp32"
            step = replace(step, layers=",".join(str(layer) for layer in layers))
            store, rows = FeatureStore(self.cache / "features"), rows_digest(self.query.pool)
            keys = (identity.key(precision, layer, pooling, RowForm.of(spec, settings)).entry(rows) for layer in layers)
            if all(store.get(key) is not None for key in keys):
                return replace(step, state="cached", seconds=0.0), None
        if blocks:
            share = max(resolve_layers(asked, blocks, spec.name)) / blocks
        seconds = self._seconds(artefact, precision)
        return step, _Pass((identity.weights, identity.tokenizer, precision), seconds, share)

    def _seconds(self, artefact: Artefact, precision: str, frame: int = 0) -> float:
        """Of one pass through all blocks by the whole pool, or the share of it that a budget allows."""
        settings, texts = self.query.settings, self.query.pool.texts
        budget = settings.budget
        share = budget.share if budget is not None and budget.share is not None else 1.0
        tokens = mean_tokens(artefact, texts, settings.max_length, frame) * len(texts)
        return share * multiplied_weights(artefact) * tokens / self.rate(precision)


def plan(
    query: RankingQuery, refined_rows: int, cache: Path | None = None, rate: Callable[[str], float] | None = None
) -> tuple[Step, ...]:
    """The steps of a ranking: features of the strong model, of each candidate and of each describer, then labels, then
    refined labels.

    Weights are hashed, which takes seconds per gigabyte once.

    Args:
        refined_rows: rows at most that prompted refinement relabels per candidate.
        cache: cache folder; `predictor.folders.cache_dir()` where None.
        rate: multiplications a second by precision; measured here where None.
    """
    planner = _Planner(query, cache or cache_dir(), rate or measured_rates(Runtime("fp32", "auto", usable_threads())))
    with _offline():
        features = planner.features()
        labels = [planner.labels(spec) for spec in query.weak if spec.labels is not None]
        candidates = features[1 : 1 + len(query.weak)]
        refined = [planner.refined(candidates, refined_rows)] if query.settings.refine == "prompted" else []
    downloads = Downloads(planner.cache)
    return tuple(_with_download(step, downloads) for step in (*features, *labels, *refined))


def _with_download(step: Step, downloads: Downloads) -> Step:
    if step.state != "to fetch":
        return step
    try:
        return replace(step, download=downloads.of(step.reference))
    except W2SError as error:
        return replace(step, state="error", error=error.message)


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


def _frame(label_prompt: LabelPrompt | None) -> int:
    """Characters that a prompt puts around a row."""
    return (
        0 if label_prompt is None else len(label_prompt.answer(label_prompt.words[0])) + len(label_prompt.question(""))
    )


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
