"""Small stand-ins for loaded models, for tests of the code around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.extraction.backend import LayerPooling
from predictor.extraction.batching import Batching
from predictor.extraction.loaded import LoadedModel
from predictor.extraction.model_facts import ModelFacts
from predictor.extraction.pooling import pool
from predictor.extraction.token_cut import RIGHT, Cut
from predictor.extraction.tokenizer import Tokens


class FakeTokenizer:
    """One id per character."""

    kind = "fake"
    pad_id = 0
    limit: int | None = None
    notes: tuple[str, ...] = ()
    prompt = ""

    def encode(self, texts: Sequence[str], max_length: int, cut: Cut = RIGHT) -> Tokens:
        rows = [np.array([ord(c) % 150 + 1 for c in text[:max_length]] or [1], dtype=np.int64) for text in texts]
        return Tokens(rows, sum(len(text) > max_length for text in texts), max_length)


class FakeBackend:
    """Layer k gives (id, id ** 2) scaled by k + 1.

    Args:
        fits: rows × tokens beyond which memory runs out.
        leak: how much the batch's padding moves each row (0 for a model that obeys its mask).
        scale_leak: how much the batch's largest id moves each row, as dynamic quantisation does.
        bad_id: an id that turns to NaN, or None.
    """

    def __init__(
        self, *, fits: int = 10**9, leak: float = 0.0, scale_leak: float = 0.0, bad_id: int | None = None
    ) -> None:
        self.shown = (0, 1, 2, 3)
        self.architecture, self.layers, self.width, self.parameters = "fake", 3, 2, 7
        self.positions: int | None = None
        self.vocabulary: int | None = 200
        self.fits, self.leak, self.scale_leak, self.bad_id = fits, leak, scale_leak, bad_id
        self.batches: list[tuple[int, int]] = []

    def forward(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], outputs: tuple[LayerPooling, ...]
    ) -> dict[LayerPooling, NDArray[np.float32]]:
        if ids.size > self.fits:
            raise MemoryError("fake device is full")
        self.batches.append(ids.shape)
        moved = self.leak * float((mask == 0).mean()) + self.scale_leak * float(ids.max())
        hidden = np.stack([ids + moved, ids**2 + moved], axis=2).astype(np.float32)
        if self.bad_id is not None:
            hidden[ids == self.bad_id] = np.nan
        weights = mask.astype(np.float32)
        return {
            (layer, how): np.asarray(pool(hidden, weights, how), dtype=np.float32) * (layer + 1)
            for layer, how in outputs
        }


def fake_model(backend: FakeBackend, batching: Batching = "padded") -> LoadedModel:
    facts = ModelFacts("fake", backend.layers, backend.width, backend.parameters, "fake", batching)
    return LoadedModel(backend, FakeTokenizer(), facts)
