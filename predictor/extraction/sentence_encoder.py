"""Sentence encoders: the prompt before a row, and the Dense and Normalize modules behind the pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.errors import RefusedError
from predictor.extraction.backend import Backend, LayerPooling, Vectors
from predictor.extraction.token_cut import RIGHT, Cut
from predictor.extraction.tokenizer import Tokenizer, Tokens
from predictor.models.sentence_pipeline import Dense, Normalize, SentencePipeline
from predictor.store.array_files import read_tensors

_ACTIVATIONS: dict[str, Callable[[Vectors], Vectors]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
    "Sigmoid": lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
}


class SentenceTokenizer:
    """A tokenizer with a pipeline's prompt and length limit.

    Attributes:
        inner: the tokenizer of the model's folder.
    """

    def __init__(self, inner: Tokenizer, pipeline: SentencePipeline) -> None:
        self.inner = inner
        self._lower = pipeline.lower
        self.prompt = pipeline.prompt
        self.kind = inner.kind
        self.pad_id = inner.pad_id
        limits = [limit for limit in (inner.limit, pipeline.max_length) if limit is not None]
        self.limit: int | None = min(limits, default=None)
        self.notes = (*pipeline.notes, *inner.notes)

    def encode(self, texts: Sequence[str], max_length: int, cut: Cut = RIGHT) -> Tokens:
        """See `predictor.extraction.tokenizers.Tokenizer`."""
        return self.inner.encode([text.lower() for text in texts] if self._lower else texts, max_length, cut)


class SentenceBackend:
    """A backend whose last layer, in the declared pooling, goes through the modules of a pipeline."""

    def __init__(self, inner: Backend, pipeline: SentencePipeline) -> None:
        self._inner = inner
        self._pooling = pipeline.pooling
        self._steps = [(step, *_tensors(step)) for step in pipeline.steps]
        self.architecture = inner.architecture
        self.layers = inner.layers
        self.shown = inner.shown
        self.width = inner.width
        self.parameters = inner.parameters + sum(w.size + b.size for _, w, b in self._steps)
        self.positions = inner.positions
        self.vocabulary = inner.vocabulary

    def forward(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], outputs: tuple[LayerPooling, ...]
    ) -> dict[LayerPooling, Vectors]:
        """See `predictor.extraction.backend.Backend`."""
        found = self._inner.forward(ids, mask, outputs)
        own = next((one for one in outputs if one.layer == self.layers and one.pooling == self._pooling), None)
        if own is not None:
            found[own] = self._finished(found[own])
        return found

    def _finished(self, values: Vectors) -> Vectors:
        for step, weight, bias in self._steps:
            if isinstance(step, Normalize):
                values = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
            else:
                values = _ACTIVATIONS[step.activation](values @ weight.T + bias)
        return values.astype(np.float32, copy=False)


def _tensors(step: Dense | Normalize) -> tuple[Vectors, Vectors]:
    if isinstance(step, Normalize):
        return np.empty((0, 0), np.float32), np.empty(0, np.float32)
    tensors = {name: np.asarray(one, dtype=np.float32) for name, one in read_tensors(step.weights).items()}
    if "linear.weight" not in tensors:
        raise RefusedError(
            f"{step.weights} contains {', '.join(sorted(tensors))} and no linear.weight, which a Dense module of "
            "sentence-transformers has; fetch the file again.",
            reason="WEIGHTS_INCOMPLETE",
            field="model",
        )
    weight = tensors["linear.weight"]
    return weight, tensors.get("linear.bias", np.zeros(len(weight), np.float32))
