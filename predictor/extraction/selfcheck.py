"""Self-check: whether a row's features depend on the rows that share its batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.extraction.backend import Backend, LayerPooling, Vectors
from predictor.extraction.batching import Batching, pad_right

PROBE_SHORT = "CCO"
PROBE_LONG = "c1ccccc1C(=O)NC2CCN(CC2)S(=O)(=O)C, and yet nobody had expected the second half to be so much better."

TOLERANCE = {"fp32": 1e-3, "graph": 1e-3, "bf16": 3e-2}
"""Largest relative difference (norm) between a row alone and the same row in a batch, by precision."""


def find_batching(backend: Backend, short: NDArray[np.int64], long: NDArray[np.int64], tolerance: float) -> Batching:
    """How rows may be combined so that each gets the features it would get alone.

    A short row is run alone and padded beside a long one: a model that ignores the mask differs. Where it does, two
    rows of one length are tried: a graph whose quantisation takes its scale from the whole batch differs there too.

    Args:
        short, long: token ids of two rows of different length.
        tolerance: relative to the norm of the row alone.
    """
    layers = tuple(sorted({backend.shown[len(backend.shown) // 2], backend.shown[-1]}))
    if _agree(backend, short, [short, long], layers, tolerance):
        return "padded"
    stretched = np.resize(short, len(long))
    if _agree(backend, stretched, [stretched, long], layers, tolerance):
        return "equal_lengths"
    return "single"


def _agree(
    backend: Backend, row: NDArray[np.int64], batch: list[NDArray[np.int64]], layers: tuple[int, ...], tolerance: float
) -> bool:
    alone = _run(backend, [row], layers)
    together = _run(backend, batch, layers)
    return all(
        float(np.linalg.norm(together[layer][0] - alone[layer][0]))
        <= tolerance * float(np.linalg.norm(alone[layer][0]))
        for layer in layers
    )


def _run(backend: Backend, rows: list[NDArray[np.int64]], layers: tuple[int, ...]) -> dict[int, Vectors]:
    ids, mask = pad_right(rows, 0)
    found = backend.forward(ids, mask, tuple(LayerPooling(layer, "mean") for layer in layers))
    return {layer: values for (layer, _), values in found.items()}


WARNINGS: dict[Batching, tuple[str, ...]] = {
    "padded": (),
    "equal_lengths": ("padding changes this model's features, so only rows of equal length were run together",),
    "single": (
        "other rows in a batch change this model's features (dynamic quantisation does), so each row was run alone",
    ),
}
"""Warnings for the user."""
