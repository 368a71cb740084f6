"""LoadedModel: a model and its tokenizer in memory, self-checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import RefusedError
from predictor.extraction.backend import Backend, LengthBound, Runtime, Tunable
from predictor.extraction.batching import pad_right
from predictor.extraction.model_facts import ModelFacts
from predictor.extraction.open_model import load_backend
from predictor.extraction.precision import PROBE_ROWS
from predictor.extraction.row_tokens import row_tokens
from predictor.extraction.selfcheck import PROBE_LONG, PROBE_SHORT, TOLERANCE, find_batching
from predictor.extraction.sentence_encoder import SentenceBackend, SentenceTokenizer
from predictor.extraction.tokenizer import Tokenizer, Tokens
from predictor.extraction.tokenizers import load_tokenizer
from predictor.models.artefact import Artefact
from predictor.query.row_form import RowForm

_PROBED = RowForm(48)


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """Everything a forward pass needs.

    Attributes:
        facts: found when the model was loaded.
        origin: sentences on how its files became a model.
    """

    backend: Backend
    tokenizer: Tokenizer
    facts: ModelFacts
    origin: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user on how the files were read."""
        return (*self.origin, *self.tokenizer.notes)

    def tokenize(self, texts: Sequence[str], form: RowForm) -> Tokens:
        """Token ids of all texts in the form asked for, cut at the model's own limit where that is less.

        Raises:
            RefusedError: an id that the model has no embedding for.
        """
        return _tokenize(self.backend, self.tokenizer, texts, form)


def load_model(artefact: Artefact, runtime: Runtime, known: ModelFacts | None = None) -> LoadedModel:
    """Load, bring to the runtime's precision, then check in two to four forward passes whether rows may share a batch.

    Args:
        known: facts found earlier for this model and runtime; nothing is measured again.

    Raises:
        RefusedError: model or tokenizer missing, unreadable or unsafe.
    """
    tokenizer, pipeline = row_tokenizer(artefact), artefact.pipeline
    backend = load_backend(artefact, runtime)
    drift: tuple[float, ...] = ()
    if isinstance(backend, Tunable):
        drift = backend.tune([] if known is not None else _probe_batches(backend, tokenizer))
    whole = SentenceBackend(backend, pipeline) if pipeline is not None and pipeline.steps else backend
    if known is not None:
        return LoadedModel(whole, tokenizer, known, artefact.notes)
    short, long = _tokenize(backend, tokenizer, [PROBE_SHORT, PROBE_LONG], _PROBED).rows
    if len(short) == len(long):
        short = long[: max(1, len(long) // 2)]
    tolerance = TOLERANCE[artefact.form.precision(runtime.precision)]
    by_length = isinstance(backend, LengthBound) and backend.attention_by_length
    facts = ModelFacts(
        architecture=backend.architecture,
        layers=backend.layers,
        width=backend.width,
        parameters=whole.parameters,
        tokenizer=tokenizer.kind,
        batching="equal_lengths" if by_length else find_batching(backend, short, long, tolerance),
        drift=drift,
    )
    return LoadedModel(whole, tokenizer, facts, artefact.notes)


def row_tokenizer(artefact: Artefact) -> Tokenizer:
    """The tokenizer of a model's rows: with the prompt and the limit that a sentence-transformers folder declares."""
    tokenizer, pipeline = load_tokenizer(artefact), artefact.pipeline
    return tokenizer if pipeline is None else SentenceTokenizer(tokenizer, pipeline)


def _probe_batches(backend: Backend, tokenizer: Tokenizer) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """One padded batch per kind of probe rows."""
    return [pad_right(_tokenize(backend, tokenizer, list(kind), _PROBED).rows, tokenizer.pad_id) for kind in PROBE_ROWS]


def _tokenize(backend: Backend, tokenizer: Tokenizer, texts: Sequence[str], form: RowForm) -> Tokens:
    tokens = row_tokens(tokenizer, texts, form.within(tokenizer.limit, backend.positions))
    highest = _highest(tokens.rows)
    if backend.vocabulary is not None and highest >= backend.vocabulary:
        raise RefusedError(
            f"the tokenizer gives token id {highest}, the model knows 0 to {backend.vocabulary - 1}; they do not "
            "belong together. Name the right tokenizer with #tokenizer=.",
            reason="TOKENIZER_MISMATCH",
            field="model",
        )
    return tokens


def _highest(rows: list[NDArray[np.int64]]) -> int:
    return max(int(row.max()) for row in rows)
