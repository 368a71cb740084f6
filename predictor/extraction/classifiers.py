"""Classifiers: outputs of a sequence-classification head, which become weak labels."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from predictor.errors import LimitError, RefusedError
from predictor.extraction.backend import Classifier, Runtime
from predictor.extraction.batching import pad_right, plan_batches
from predictor.extraction.open_model import load_classifier
from predictor.extraction.row_tokens import row_tokens
from predictor.extraction.selfcheck import TOLERANCE
from predictor.extraction.tokenizer import Tokens
from predictor.extraction.tokenizers import load_tokenizer
from predictor.models.artefact import Artefact
from predictor.query.row_form import RowForm
from predictor.statistics.arrays import Array
from predictor.store.partial import PartialFeatures

Ints = NDArray[np.int64]
OutputKind = Literal["softmax", "sigmoid", "number"]
"""How logits become outputs: classes that exclude each other, classes that do not, a number."""


@dataclass(frozen=True, eq=False)
class Classified:
    """Outputs of a head.

    Attributes:
        values: (n, k), or (n, 1) of a head with a single logit.
        classes: names of the columns where the model's configuration gives any of its own.
        truncated: rows that were cut.
        limit: tokens at which they were cut.
    """

    values: Array
    classes: tuple[str, ...] | None
    truncated: int
    limit: int


def classify_steps(
    artefact: Artefact,
    runtime: Runtime,
    texts: Sequence[str],
    form: RowForm,
    budget: int,
    partial: PartialFeatures | None = None,
) -> Generator[int, None, Classified]:
    """Load a classifier and read rows with it; yields rows done.

    Args:
        partial: rows that a stopped run has left, and where those of this run are noted.

    Raises:
        RefusedError: no classification head, or logits that are not finite.
        LimitError: one row alone does not fit the memory.
    """
    head, tokenizer = load_classifier(artefact, runtime), load_tokenizer(artefact)
    tokens = row_tokens(tokenizer, texts, form.within(tokenizer.limit, head.positions))
    if head.vocabulary is not None and max(int(row.max()) for row in tokens.rows) >= head.vocabulary:
        raise RefusedError(
            f"the tokenizer gives token ids beyond the {head.vocabulary} that the model knows; they do not belong "
            "together. Name the right tokenizer with #tokenizer=.",
            reason="TOKENIZER_MISMATCH",
            field="model",
        )
    tolerance = TOLERANCE[artefact.form.precision(runtime.precision)]
    logits = yield from _all_logits(head, tokens, tokenizer.pad_id, budget, tolerance, partial)
    bad = np.argwhere(~np.isfinite(logits))
    if len(bad):
        raise RefusedError(
            f"the classification head gives {logits[tuple(bad[0])]} for pool row {int(bad[0][0])} (counting from 0); "
            "check its weights or use another precision.",
            reason="NOT_FINITE",
            field="model",
        )
    config = artefact.config
    return Classified(
        _outputs(logits, _output_kind(config, head.outputs)),
        _names(config, head.outputs),
        tokens.truncated,
        tokens.limit,
    )


def _all_logits(
    head: Classifier, tokens: Tokens, pad_id: int, budget: int, tolerance: float, partial: PartialFeatures | None
) -> Generator[int, None, Array]:
    lengths, known = np.array([len(row) for row in tokens.rows]), np.zeros(len(tokens.rows), dtype=bool)
    batching: Literal["padded", "single"] = "padded" if _rows_keep_apart(head, tokens, pad_id, tolerance) else "single"
    found = np.empty((len(tokens.rows), head.outputs))
    for rows, (values,) in () if partial is None else partial.parts(len(found)):
        found[rows], known[rows] = values, True
    waiting = [left for batch in plan_batches(lengths, budget, batching) if len(left := batch[~known[batch]])][::-1]
    while waiting:
        batch = waiting.pop()
        ids, mask = pad_right([tokens.rows[i] for i in batch], pad_id)
        try:
            found[batch] = head.logits(ids, mask)
        except MemoryError as error:
            if len(batch) == 1:
                raise LimitError(
                    f"one row of {lengths[batch[0]]} tokens does not fit the memory of this device; lower max_length "
                    "or use a smaller model.",
                    reason="OUT_OF_MEMORY",
                    field="model",
                ) from error
            waiting.extend(np.array_split(batch, 2))
            continue
        known[batch] = True
        if partial is not None and np.isfinite(found[batch]).all():
            partial.add(batch, (found[batch].astype(np.float32),))
        yield int(known.sum())
    return found


def _rows_keep_apart(head: Classifier, tokens: Tokens, pad_id: int, tolerance: float) -> bool:
    """Whether the shortest row gets the same logits beside the longest as alone: dynamic quantisation breaks this."""
    order = np.argsort([len(row) for row in tokens.rows], kind="stable")
    short, long = tokens.rows[order[0]], tokens.rows[order[-1]]
    alone = head.logits(*pad_right([short], pad_id))[0]
    beside = head.logits(*pad_right([short, long], pad_id))[0]
    return bool(np.abs(alone - beside).max() <= tolerance * max(1.0, float(np.abs(alone).max())))


def _output_kind(config: Mapping[str, Any], outputs: int) -> OutputKind:
    """A single logit is the log-odds of the second class unless the configuration calls the task a regression."""
    problem = config.get("problem_type")
    if problem == "regression":
        return "number"
    if problem == "multi_label_classification" or outputs == 1:
        return "sigmoid"
    return "softmax"


def _outputs(logits: Array, kind: OutputKind) -> Array:
    if kind == "number":
        return logits
    if kind == "sigmoid":
        spread: Array = 0.5 * (1.0 + np.tanh(0.5 * logits))  # the logistic function, without overflow
        return spread
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _names(config: Mapping[str, Any], outputs: int) -> tuple[str, ...] | None:
    """Class names of the configuration; None where there are none but the library's own LABEL_0, LABEL_1 …"""
    table = config.get("id2label")
    if not isinstance(table, dict) or len(table) != outputs:
        return None
    try:
        names = tuple(str(table[key]) for key in sorted(table, key=int))
    except ValueError:
        return None
    return None if all(name == f"LABEL_{i}" for i, name in enumerate(names)) else names
