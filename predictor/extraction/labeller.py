"""Labeller: labels and refined labels that models give rows, stored as features are.

Importing this module, and answering from the store, loads neither torch nor transformers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor.errors import InputError, LimitError, RefusedError, UnavailableError
from predictor.extraction.backend import Runtime
from predictor.extraction.label_key import LabelKey, label_precision
from predictor.models.artefact import Artefact
from predictor.models.resolve import resolve
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.row_form import RowForm
from predictor.query.settings import Settings
from predictor.query.source import Predicted
from predictor.statistics.arrays import Floats, Ints
from predictor.steps import Progress, Steps, relay
from predictor.store.arrays import fingerprint, rows_digest
from predictor.store.entries import StoredFeatures
from predictor.store.features import FeatureStore
from predictor.store.partial import PartialFeatures

if TYPE_CHECKING:
    from predictor.extraction.word_scores import WordScorer
    from predictor.query.prompt import LabelPrompt

LabelSteps = Steps[StoredFeatures]


class Labeller:
    """Lets models label rows.

    Attributes:
        store: where labels are stored and looked up.
        passes: batches computed so far; a repeated request adds none.
    """

    def __init__(
        self,
        cache: Path,
        runtime: Runtime,
        store: FeatureStore,
        budget: Callable[[], int],
        make_room: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            cache: folder of wheels and digests.
            runtime: device and threads; its precision is replaced by `label_precision`.
            store: feature store.
            budget: returns the tokens of one batch; called when a model is run.
            make_room: called before a model is loaded; drops the model that other parts have in memory.
        """
        self._cache = cache
        self._runtime = runtime
        self._budget = budget
        self._make_room = make_room
        self.store = store
        self.passes = 0
        self._loaded: tuple[Artefact, Runtime, LabelPrompt, RowForm, WordScorer] | None = None

    @property
    def current(self) -> WordScorer | None:
        """The language model in memory, or None."""
        return None if self._loaded is None else self._loaded[4]

    def release(self) -> None:
        """Drop the language model in memory."""
        self._loaded = None

    def labels(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[Predicted]:
        """See `predictor.query.source.LabelSource`: `label` counts rows.

        Raises:
            W2SError: this model's own error.
        """
        artefact = labelling_artefact(spec, pool, self._cache)
        if spec.labels == "logits":
            key = self._key(artefact, "logits", spec, settings)
            compute = partial(self._classify, artefact, spec, pool, settings)
        else:
            key = self._key(artefact, "words", spec, settings, settings.label_prompt)
            compute = partial(self._ask, artefact, spec, pool, settings)
        found = yield from self._stored_or_computed(key, spec, pool, compute)
        warnings = list(found.about["warnings"])
        if found.about["truncated_rows"]:
            cut, limit = found.about["truncated_rows"], found.about.get("length_limit") or settings.max_length
            warnings.append(f"{cut} of {len(pool)} rows were cut at {limit} tokens to be labelled")
        classes = found.about["classes"]
        values = np.asarray(found.values, dtype=np.float64)
        return Predicted(values, None if classes is None else tuple(classes), tuple(warnings))

    def refined(
        self, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Floats, contexts: Sequence[Ints]
    ) -> Steps[tuple[Floats, ...]]:
        """See `predictor.query.source.LabelSource`: `label` counts rows.

        Raises:
            W2SError: the model's own error, or more classes than label words.
        """
        artefact = labelling_artefact(spec, pool, self._cache)
        found = []
        for context in contexts:
            shown = f"{fingerprint(np.asarray(weak_labels, dtype=np.float64))}\n{fingerprint(context)}"
            key = self._key(artefact, "refined", spec, settings, settings.label_prompt)
            key = replace(key, context=hashlib.sha256(shown.encode()).hexdigest())
            compute = partial(self._refine, artefact, spec, pool, settings, weak_labels, context)
            stored = yield from self._stored_or_computed(key, spec, pool, compute)
            found.append(np.asarray(stored.values, dtype=np.float64))
        return tuple(found)

    def _key(
        self,
        artefact: Artefact,
        kind: str,
        spec: ModelSpec,
        settings: Settings,
        label_prompt: LabelPrompt | None = None,
    ) -> LabelKey:
        form = RowForm.of(spec, settings)
        return LabelKey.of(artefact, self._cache, kind, settings, form, self._runtime.device, label_prompt)

    def _stored_or_computed(
        self, key: LabelKey, spec: ModelSpec, pool: Pool, compute: Callable[[PartialFeatures], LabelSteps]
    ) -> LabelSteps:
        """The labels of the store, else computed and stored, with a warning where the disk refuses.

        Args:
            compute: given the parts that a stopped run has left, and adds to them.
        """
        entry = key.entry(rows_digest(pool))
        stored = self.store.get(entry)
        if stored is not None:
            yield Progress(spec.name, "label", len(pool), len(pool))
            return stored
        parts = PartialFeatures(self.store.folder, (entry,), self.store.make_room)
        try:
            fresh = yield from compute(parts)
        except BaseException:  # also where it is cancelled: the generator is closed
            parts.flush()
            raise
        try:
            self.store.put(entry, fresh.values, fresh.about)
            parts.discard()
        except (LimitError, UnavailableError) as error:
            return StoredFeatures(
                fresh.values, {**fresh.about, "warnings": [f"not stored for next time: {error.message}"]}
            )
        return fresh

    def _classify(
        self, artefact: Artefact, spec: ModelSpec, pool: Pool, settings: Settings, parts: PartialFeatures
    ) -> LabelSteps:
        from predictor.extraction.classifiers import classify_steps

        self.release()
        self._make_room()
        runtime = replace(self._runtime, precision=label_precision(settings, self._runtime.device))
        yield Progress(spec.name, "load", 0, 1)
        steps = classify_steps(artefact, runtime, pool.texts, RowForm.of(spec, settings), self._budget(), parts)
        found = yield from self._counted(steps, spec, pool)
        return _stored(found.values, found.truncated, found.classes, found.limit)

    def _ask(
        self, artefact: Artefact, spec: ModelSpec, pool: Pool, settings: Settings, parts: PartialFeatures
    ) -> LabelSteps:
        scorer = yield from self._scorer(artefact, spec, settings)
        steps = scorer.steps(pool.texts, noted=scorer.noted(parts, len(pool)))
        found = yield from self._counted(steps, spec, pool)
        return _stored(found.probabilities, found.truncated, None, scorer.room(0))

    def _refine(
        self,
        artefact: Artefact,
        spec: ModelSpec,
        pool: Pool,
        settings: Settings,
        weak_labels: Floats,
        context: Ints,
        parts: PartialFeatures,
    ) -> LabelSteps:
        from predictor.extraction.prompted_refiner import PromptedRefiner

        scorer = yield from self._scorer(artefact, spec, settings)
        refiner = PromptedRefiner(scorer, pool.texts)
        steps = refiner.steps(np.asarray(weak_labels, dtype=np.float64), context, parts)
        values = yield from self._counted(steps, spec, pool)
        return _stored(values, 0, None)

    def _counted(self, steps: Generator[int, None, Any], spec: ModelSpec, pool: Pool) -> Steps[Any]:
        def counted(done: int) -> Progress:
            self.passes += 1
            return Progress(spec.name, "label", done, len(pool))

        return relay(steps, counted)

    def _scorer(self, artefact: Artefact, spec: ModelSpec, settings: Settings) -> Steps[WordScorer]:
        """The language model, ready to run; it stays in memory for other rows and contexts."""
        label_prompt = settings.label_prompt
        if label_prompt is None:
            raise TypeError("a query that asks for words has a label prompt")
        runtime = replace(self._runtime, precision=label_precision(settings, self._runtime.device))
        wanted = (artefact, runtime, label_prompt, RowForm.of(spec, settings))
        if self._loaded is not None and self._loaded[:4] == wanted:
            return self._loaded[4]
        yield Progress(spec.name, "load", 0, 1)
        self._loaded = None
        self._make_room()
        self._loaded = (*wanted, load_scorer(*wanted, self._budget()))
        return self._loaded[4]


def labelling_artefact(spec: ModelSpec, pool: Pool, cache: Path) -> Artefact:
    """The files of a model that labels rows.

    Raises:
        W2SError: it is no model, it cannot be found, or there are no texts.
    """
    if not spec.layered:
        raise InputError(
            f"{spec.name!r} is an array of features, which labels nothing by itself; give its predictions with "
            "--weak-labels, or gold labels with --labels.",
            reason="NOT_A_MODEL",
            field="labels",
        )
    if not pool.texts:
        raise InputError(
            f"{spec.name!r} must read texts, and none were given; name the rows with --pool.",
            reason="POOL_MISSING",
            field="pool",
        )
    return resolve(spec.parsed, cache)


def load_scorer(
    artefact: Artefact,
    runtime: Runtime,
    label_prompt: LabelPrompt,
    form: RowForm,
    budget: int,
    *,
    cache_prefix: bool = True,
) -> WordScorer:
    """A causal language model and its tokenizer, ready to score label words.

    Args:
        cache_prefix: whether a prefix that rows share is run once; False runs it with every row.

    Raises:
        RefusedError: no language model, or a tokenizer that cannot tokenise prompts in pieces.
    """
    from predictor.extraction.causal import CausalModel, check_promptable
    from predictor.extraction.prompts import Prompts
    from predictor.extraction.tokenizer import PieceTokenizer
    from predictor.extraction.tokenizers import load_tokenizer
    from predictor.extraction.word_scores import WordScorer

    check_promptable(artefact)
    tokenizer = load_tokenizer(artefact)
    if not isinstance(tokenizer, PieceTokenizer):
        raise RefusedError(
            f"{artefact.path.name} has a tokenizer of regular expressions, which cannot tokenise prompts; only its "
            "features and classifiers are read.",
            reason="NOT_PROMPTABLE",
            field="model",
        )
    prompts = Prompts(tokenizer, label_prompt, form)
    model = CausalModel(artefact, runtime, cache_prefix=cache_prefix)
    if max((*prompts.words.tokens_used, *tokenizer.opening, tokenizer.fallback)) >= model.vocabulary:
        raise RefusedError(
            f"the tokenizer gives token ids beyond the {model.vocabulary} that the model knows; they do not belong "
            "together. Name the right tokenizer with #tokenizer=.",
            reason="TOKENIZER_MISMATCH",
            field="model",
        )
    return WordScorer(model, prompts, form.max_length, budget)


def _stored(
    values: Floats, truncated: int, classes: tuple[str, ...] | None, limit: int | None = None
) -> StoredFeatures:
    about = {
        "truncated_rows": truncated,
        "length_limit": limit,
        "classes": None if classes is None else list(classes),
        "warnings": [],
    }
    return StoredFeatures(np.asarray(values, dtype=np.float32), about)
