"""Tokenizer: the protocol of what turns texts into token ids, and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from predictor.extraction.token_cut import RIGHT, Cut


@dataclass(frozen=True, eq=False)
class Tokens:
    """A pool as token ids.

    Attributes:
        rows: one int64 array per text, at least one token each.
        truncated: how many rows were cut at the length limit.
        limit: the length limit, in tokens.
        notes: sentences for the user on how the rows were read.
    """

    rows: list[NDArray[np.int64]]
    truncated: int
    limit: int
    notes: tuple[str, ...] = ()


class Tokenizer(Protocol):
    """Text in, token ids out.

    Attributes:
        kind: its class, for reports.
        pad_id: what shorter rows are padded with.
        limit: most tokens of a row that its configuration allows, or None.
        notes: sentences for the user on how it was read.
        prompt: what the model's folder puts before each row, "" for nothing.
    """

    kind: str
    pad_id: int
    limit: int | None
    notes: tuple[str, ...]
    prompt: str

    def encode(self, texts: Sequence[str], max_length: int, cut: Cut = RIGHT) -> Tokens:
        """Token ids with the model's own markers, at most `max_length` a row, cut as `cut` says."""
        ...


@runtime_checkable
class PieceTokenizer(Protocol):
    """A tokenizer that can encode parts of a text: pieces without markers, after the opening ones.

    Attributes:
        opening: markers before a text.
        fallback: the token of an empty text.
    """

    opening: list[int]
    fallback: int

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text without markers; none for an empty text."""
        ...
