"""Labeller: rows labelled and relabelled by models themselves, kept as features are.

Importing this module, and answering from the store, loads neither torch nor transformers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor.errors import InputError, LimitError, RefusedError, UnavailableError
from predictor.extraction.backend import Engine
from predictor.extraction.precision import attempted
from predictor.models.artefact import Artefact
from predictor.models.resolve import resolve
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import Predicted
from predictor.statistics.arrays import Floats, Ints
from predictor.steps import Progress, Steps, relay
from predictor.store.arrays import fingerprint, rows_digest
from predictor.store.entries import StoredFeatures
from predictor.store.features import FeatureStore

if TYPE_CHECKING:
    from predictor.extraction.word_scores import WordScorer
    from predictor.query.prompt import LabelPrompt

LabelSteps = Steps[StoredFeatures]


@dataclass(frozen=True)
class LabelKey:
    """Everything that a model's labels of rows depend on, but the rows.

    Attributes:
        weights, tokenizer, precision, backend: as of `FeatureKey`.
        kind: `logits`, `words` or `refined`.
        words, template: label words and prompt; () and "" for logits.
        max_length: tokens.
        context: digest of the rows in context and their labels, "" for none.
        version: of the way labels are computed; another one makes other entries.
    """

    weights: str
    tokenizer: str
    precision: str
    backend: str
    kind: str
    words: tuple[str, ...]
    template: str
    max_length: int
    context: str = ""
    version: int = 1

    def entry(self, rows_sha256: str) -> str:
        """SHA-256 hex under which the labels of these rows are kept."""
        facts = json.dumps(asdict(self) | {"rows": rows_sha256}, sort_keys=True)
        return hashlib.sha256(f"labels\n{facts}".encode()).hexdigest()

    @classmethod
    def of(
        cls,
        artefact: Artefact,
        cache: Path,
        kind: str,
        settings: Settings,
        device: str,
        label_prompt: LabelPrompt | None = None,
    ) -> LabelKey:
        """The key of a model's labels of one kind, without any context. Made without loading the model."""
        return cls(
            artefact.weights_digest(cache),
            artefact.tokenizer_digest(cache),
            artefact.form.precision(label_precision(settings, device)),
            artefact.form.engine,
            kind,
            () if label_prompt is None else label_prompt.words,
            "" if label_prompt is None else label_prompt.template,
            settings.max_length,
        )


class Labeller:
    """Lets models label rows.

    Attributes:
        store: where labels are kept and looked up.
        passes: batches computed so far; a repeated request adds none.
    """

    def __init__(
        self,
        cache: Path,
        engine: Engine,
        store: FeatureStore,
        budget: Callable[[], int],
        make_room: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            cache: folder of wheels and digests.
            engine: device and threads; its precision is fp32 but where a request asks for bf16 itself.
            store: feature store.
            budget: tells how many tokens to read in one batch, once a model is to be run.
            make_room: called before a model is loaded, so that no other stands in memory beside it.
        """
        self._cache = cache
        self._engine = engine
        self._budget = budget
        self._make_room = make_room
        self.store = store
        self.passes = 0
        self._held: tuple[Artefact, Engine, LabelPrompt, int, WordScorer] | None = None

    def release(self) -> None:
        """Let go of the language model in memory."""
        self._held = None

    def labels(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[Predicted]:
        """See `predictor.query.source.LabelSource`: `label` counts rows.

        Raises:
            W2SError: this model's own fault.
        """
        artefact = labelling_artefact(spec, pool, self._cache)
        if spec.labels == "logits":
            key = self._key(artefact, "logits", settings)
            found = yield from self._kept(key, spec, pool, self._classify(artefact, spec, pool, settings))
        else:
            key = self._key(artefact, "words", settings, settings.label_prompt)
            found = yield from self._kept(key, spec, pool, self._ask(artefact, spec, pool, settings))
        warnings = list(found.about["warnings"])
        if found.about["truncated_rows"]:
            cut = found.about["truncated_rows"]
            warnings.append(f"{cut} of {len(pool)} rows were cut at {settings.max_length} tokens to be labelled")
        classes = found.about["classes"]
        values = np.asarray(found.values, dtype=np.float64)
        return Predicted(values, None if classes is None else tuple(classes), tuple(warnings))

    def refined(
        self, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Floats, contexts: Sequence[Ints]
    ) -> Steps[tuple[Floats, ...]]:
        """See `predictor.query.source.LabelSource`: `label` counts rows.

        Raises:
            W2SError: the model's fault, or labels that no words stand for.
        """
        artefact = labelling_artefact(spec, pool, self._cache)
        found = []
        for context in contexts:
            shown = f"{fingerprint(np.asarray(weak_labels, dtype=np.float64))}\n{fingerprint(context)}"
            key = self._key(artefact, "refined", settings, settings.label_prompt)
            key = replace(key, context=hashlib.sha256(shown.encode()).hexdigest())
            steps = self._refine(artefact, spec, pool, settings, weak_labels, context)
            kept = yield from self._kept(key, spec, pool, steps)
            found.append(np.asarray(kept.values, dtype=np.float64))
        return tuple(found)

    def _key(
        self, artefact: Artefact, kind: str, settings: Settings, label_prompt: LabelPrompt | None = None
    ) -> LabelKey:
        return LabelKey.of(artefact, self._cache, kind, settings, self._engine.device, label_prompt)

    def _kept(self, key: LabelKey, spec: ModelSpec, pool: Pool, steps: LabelSteps) -> LabelSteps:
        """The labels of the store, else computed and kept; where the disk refuses, the answer goes on and says so."""
        entry = key.entry(rows_digest(pool))
        kept = self.store.get(entry)
        if kept is not None:
            steps.close()
            yield Progress(spec.name, "label", len(pool), len(pool))
            return kept
        fresh = yield from steps
        try:
            self.store.put(entry, fresh.values, fresh.about)
        except (LimitError, UnavailableError) as error:
            return StoredFeatures(
                fresh.values, {**fresh.about, "warnings": [f"not kept for next time: {error.message}"]}
            )
        return fresh

    def _classify(self, artefact: Artefact, spec: ModelSpec, pool: Pool, settings: Settings) -> LabelSteps:
        from predictor.extraction.classifiers import classify_steps

        self.release()
        self._make_room()
        engine = replace(self._engine, precision=label_precision(settings, self._engine.device))
        yield Progress(spec.name, "load", 0, 1)
        steps = classify_steps(artefact, engine, list(pool.texts), settings.max_length, self._budget())
        found = yield from self._counted(steps, spec, pool)
        return _stored(found.values, found.truncated, found.classes)

    def _ask(self, artefact: Artefact, spec: ModelSpec, pool: Pool, settings: Settings) -> LabelSteps:
        scorer = yield from self._scorer(artefact, spec, settings)
        found = yield from self._counted(scorer.steps(pool.texts), spec, pool)
        return _stored(found.probabilities, found.truncated, None)

    def _refine(
        self, artefact: Artefact, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Floats, context: Ints
    ) -> LabelSteps:
        from predictor.extraction.prompted_refiner import PromptedRefiner

        scorer = yield from self._scorer(artefact, spec, settings)
        refiner = PromptedRefiner(scorer, pool.texts)
        values = yield from self._counted(refiner.steps(np.asarray(weak_labels, dtype=np.float64), context), spec, pool)
        return _stored(values, 0, None)

    def _counted(self, steps: Generator[int, None, Any], spec: ModelSpec, pool: Pool) -> Steps[Any]:
        def counted(done: int) -> Progress:
            self.passes += 1
            return Progress(spec.name, "label", done, len(pool))

        return relay(steps, counted)

    def _scorer(self, artefact: Artefact, spec: ModelSpec, settings: Settings) -> Steps[WordScorer]:
        """The language model ready to answer; the last one stays for other rows and contexts."""
        label_prompt = settings.label_prompt
        if label_prompt is None:
            raise TypeError("a query that asks for words has a wording")
        engine = replace(self._engine, precision=label_precision(settings, self._engine.device))
        wanted = (artefact, engine, label_prompt, settings.max_length)
        if self._held is not None and self._held[:4] == wanted:
            return self._held[4]
        yield Progress(spec.name, "load", 0, 1)
        self._held = None
        self._make_room()
        self._held = (*wanted, load_scorer(artefact, engine, label_prompt, settings.max_length, self._budget()))
        return self._held[4]


def labelling_artefact(spec: ModelSpec, pool: Pool, cache: Path) -> Artefact:
    """The files of a model that is to label rows.

    Raises:
        W2SError: it is no model, it cannot be found, or there is nothing to read.
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


def label_precision(settings: Settings, device: str) -> str:
    """fp32 unless bf16 is asked for: a label is read off directly, and no later step averages its rounding."""
    return attempted("bf16", device) if settings.precision == "bf16" else "fp32"


def load_scorer(
    artefact: Artefact, engine: Engine, label_prompt: LabelPrompt, max_length: int, budget: int, *, keep: bool = True
) -> WordScorer:
    """A causal language model and its tokenizer, ready to answer with label words.

    Args:
        keep: whether beginnings that rows share may be kept; False reads them with every row.

    Raises:
        RefusedError: no language model, or no tokenizer that texts can be put together with.
    """
    from predictor.extraction.causal import CausalModel, check_promptable
    from predictor.extraction.prompts import Prompts
    from predictor.extraction.tokenizers import PieceTokenizer, load_tokenizer
    from predictor.extraction.word_scores import WordScorer

    check_promptable(artefact)
    tokenizer = load_tokenizer(artefact)
    if not isinstance(tokenizer, PieceTokenizer):
        raise RefusedError(
            f"{artefact.path.name} has a tokenizer of regular expressions, which cannot spell prompts; only its "
            "features and classifiers are read.",
            reason="NOT_PROMPTABLE",
            field="model",
        )
    prompts = Prompts(tokenizer, label_prompt)
    model = CausalModel(artefact, engine, keep=keep)
    if max((*prompts.words.tokens_used, *tokenizer.opening, tokenizer.fallback)) >= model.vocabulary:
        raise RefusedError(
            f"the tokenizer gives token ids beyond the {model.vocabulary} that the model knows; they do not belong "
            "together. Name the right tokenizer with #tokenizer=.",
            reason="TOKENIZER_MISMATCH",
            field="model",
        )
    return WordScorer(model, prompts, max_length, budget)


def _stored(values: Floats, truncated: int, classes: tuple[str, ...] | None) -> StoredFeatures:
    about = {"truncated_rows": truncated, "classes": None if classes is None else list(classes), "warnings": []}
    return StoredFeatures(np.asarray(values, dtype=np.float32), about)
