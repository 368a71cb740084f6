"""The naive twin of extraction: transformers itself, one row at a time, without padding, pooled by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def pooled(states: NDArray[np.float32], how: str) -> NDArray[np.float32]:
    """(t, d) to (d,)."""
    return {"mean": states.mean(axis=0), "last": states[-1], "cls": states[0]}[how]


def one_by_one(model: Any, rows: list[list[int]], layer: int, how: str) -> NDArray[np.float32]:
    """(n, d) from hidden_states[layer] of a plain forward pass per row of token ids."""
    found = []
    for row in rows:
        if hasattr(model, "set_attention_type"):  # a short row turns BigBird's own attention off for those that follow
            model.set_attention_type("block_sparse")
        with torch.no_grad():
            state = model(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states[layer]
        tokens = state[0] if isinstance(state, tuple) else state  # PEGASUS-X has global tokens beside
        found.append(pooled(tokens[0, : len(row)].float().numpy(), how))  # and pads rows to whole blocks
    return np.stack(found)


def load(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer as anybody would load them."""
    from transformers import AutoModel, AutoTokenizer

    return AutoModel.from_pretrained(str(folder)).eval(), AutoTokenizer.from_pretrained(str(folder))


def relative_error(found: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    """Largest row error relative to the row's norm."""
    return float((np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)).max())
