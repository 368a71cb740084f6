"""Sides of the comparison that run in this process, from a loaded model to features."""

from __future__ import annotations

import numpy as np

from predictor.extraction.backend import LayerPooling
from predictor.extraction.forward import run_passes
from predictor.extraction.loaded import LoadedModel
from predictor.query.row_form import RowForm
from predictor.steps import drain

MAX_LENGTH = 256


def ours(model: LoadedModel, texts: list[str], cell: LayerPooling, budget: int) -> np.ndarray:
    """What the extractor does between a loaded model and stored features, tokenising included."""
    found = drain(run_passes(model, model.tokenize(texts, RowForm(MAX_LENGTH)).rows, (cell,), budget))
    return np.asarray(found[cell])


def by_characters(model: LoadedModel, texts: list[str], cell: LayerPooling) -> np.ndarray:
    """Batches of 32, longest text first: the loop of sentence-transformers, on our own model."""
    order = np.argsort([-len(text) for text in texts], kind="stable")
    found = dataset_order(model, [texts[i] for i in order], cell)
    return found[np.argsort(order)]


def dataset_order(model: LoadedModel, texts: list[str], cell: LayerPooling) -> np.ndarray:
    """Batches of 32 in dataset order, each padded to its longest: the loop of most research code, on our own model."""
    from predictor.extraction.batching import pad_right

    rows = model.tokenize(texts, RowForm(MAX_LENGTH)).rows
    parts = [rows[i : i + 32] for i in range(0, len(rows), 32)]
    return np.concatenate(
        [model.backend.forward(*pad_right(part, model.tokenizer.pad_id), (cell,))[cell] for part in parts]
    )
