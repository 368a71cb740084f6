"""Forward passes: a tokenised pool through a loaded model, batch by batch."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from predictor.errors import LimitError, RefusedError
from predictor.extraction.backend import LayerPooling, Vectors
from predictor.extraction.batching import pad_right, plan_batches
from predictor.extraction.loaded import LoadedModel
from predictor.store.partial import PartialFeatures, Values


def run_passes(
    model: LoadedModel,
    rows: list[NDArray[np.int64]],
    outputs: tuple[LayerPooling, ...],
    budget: int,
    partial: PartialFeatures | None = None,
) -> Generator[int, None, dict[LayerPooling, Vectors]]:
    """Pooled features of every row at every wanted layer and pooling. Rows with equal token ids are run once.

    A batch that does not fit the memory is halved, and the budget with it for all that follow.

    Args:
        rows: token ids per pool row.
        budget: padded tokens per batch.
        partial: rows that a stopped run of the same rows and outputs has left, and where those of this run are noted;
            None starts anew and notes nothing.

    Yields:
        Rows done so far: first those of `partial`, then after each forward pass.

    Returns:
        output -> (n, d) float32.

    Raises:
        LimitError: one row alone does not fit the memory.
        RefusedError: a feature that is not finite, with its row and layer.
    """
    first, member = _distinct(rows)
    counts = np.bincount(member, minlength=len(first))
    lengths = np.array([len(rows[i]) for i in first])
    pooled: dict[LayerPooling, Vectors] = {}
    known = np.zeros(len(first), dtype=bool)

    def take(numbers: NDArray[np.intp], values: Values) -> int:
        for output, found in zip(outputs, values, strict=True):
            if output not in pooled:  # a Dense module behind the pooling changes the width
                pooled[output] = np.empty((len(first), found.shape[1]), dtype=np.float32)
            pooled[output][numbers] = found
        known[numbers] = True
        return int(counts[known].sum())

    for part in () if partial is None else partial.parts(len(first)):
        take(*part)
    yield int(counts[known].sum())
    batches = (batch[~known[batch]] for batch in plan_batches(lengths, budget, model.facts.batching))
    waiting = [batch for batch in batches if len(batch)][::-1]
    try:
        while waiting:
            batch = waiting.pop()
            ids, mask = pad_right([rows[first[i]] for i in batch], model.tokenizer.pad_id)
            try:
                found = model.backend.forward(ids, mask, outputs)
            except MemoryError as error:
                if len(batch) == 1:
                    raise LimitError(
                        f"one row of {lengths[batch[0]]} tokens does not fit the memory of this device; lower "
                        "max_length, or use bf16 or a smaller model.",
                        reason="OUT_OF_MEMORY",
                        field="model",
                    ) from error
                max_rows = (len(batch) + 1) // 2
                waiting = [part for old in (*waiting, batch) for part in _pieces(old, max_rows)[::-1]]
                continue
            for output in outputs:
                _check_finite(found[output], first[batch], output.layer)
            values = tuple(found[output] for output in outputs)
            if partial is not None:
                partial.add(batch, values)
            yield take(batch, values)
    finally:
        if partial is not None and not known.all():
            partial.flush()
    return {output: values[member] for output, values in pooled.items()}


def _distinct(rows: list[NDArray[np.int64]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First row of each distinct token sequence, and for every row the number of its sequence."""
    seen: dict[bytes, int] = {}
    member = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in rows], dtype=np.intp)
    return np.unique(member, return_index=True)[1], member


def _pieces(batch: NDArray[np.intp], max_rows: int) -> list[NDArray[np.intp]]:
    return [batch[i : i + max_rows] for i in range(0, len(batch), max_rows)]


def _check_finite(values: Vectors, rows: NDArray[np.intp], layer: int) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        raise RefusedError(
            f"the model gives {values[tuple(bad[0])]} at layer {layer} for pool row {int(rows[bad[0][0]])} (counting "
            "from 0); check its weights, or try another layer or fp32.",
            reason="NOT_FINITE",
            field="model",
        )
