"""Pooling: one vector per row from one per token, under the mask that separates tokens from padding."""

from __future__ import annotations

from typing import Any

from predictor.query.settings import Pooling


def pool(hidden: Any, mask: Any, how: Pooling) -> Any:
    """Pool (b, t, d) hidden states to (b, d).

    mean: average over real tokens; last: the last real token; cls: the first real token. Padding may be on either
    side.

    Args:
        hidden: (b, t, d) numpy array or torch tensor; only operations that both know are used.
        mask: (b, t) of the same library and dtype, 1 for a token, 0 for padding; at least one 1 in each row.

    Returns:
        (b, d) of the same library.
    """
    if how == "mean":
        return (hidden * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
    # the count of tokens so far is first full at the last token
    place = mask.cumsum(1).argmax(1) if how == "last" else mask.argmax(1)
    return hidden[list(range(len(hidden))), place]
