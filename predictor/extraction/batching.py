"""Batches: which rows run together, so that few padded tokens are computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Batching = Literal["padded", "equal_lengths", "single"]
"""Which rows may share a batch without changing each other: any, those of one length, none."""


def plan_batches(
    lengths: NDArray[np.integer], budget: int, batching: Batching = "padded"
) -> Iterator[NDArray[np.intp]]:
    """Row numbers of one batch after the other, longest rows first, so that the largest batch fails first if any.

    Args:
        lengths: (n,) tokens per row, > 0.
        budget: padded tokens (rows × longest) of a batch at most; a longer row runs alone.
        batching: how rows may be combined.

    Yields:
        Row numbers; each row occurs once.
    """
    order = np.argsort(-np.asarray(lengths), kind="stable")
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        stop = start + (1 if batching == "single" else max(1, budget // longest))
        if batching == "equal_lengths":
            same = np.asarray(lengths)[order[start:stop]] == longest
            stop = start + int(same.sum())
        yield order[start:stop]
        start = min(stop, len(order))


def pad_right(rows: list[NDArray[np.int64]], pad_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and mask (b, t); padding is on the right, so that positions count from 0 in every architecture."""
    width = max(len(row) for row in rows)
    ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask
