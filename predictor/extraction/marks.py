"""Marks: the opening and closing token of a row, as tokenizer_config.json asks for them.

Fast tokenizers carry a template of their own in tokenizer.json, and transformers 5 follows it alone. Embedding models
are trained with the marks of tokenizer_config.json, and `last` pooling reads the closing one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Marks:
    """What to change about the tokens of a row.

    Attributes:
        before, after: tokens to add at its start and end.
        drop_first, drop_last: whether a token that the tokenizer adds at its start or end is removed.
        notes: sentences for the user.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    drop_first: bool = False
    drop_last: bool = False
    notes: tuple[str, ...] = ()

    @property
    def added(self) -> int:
        """Tokens by which a row grows; negative where it shrinks."""
        return len(self.before) + len(self.after) - self.drop_first - self.drop_last

    def apply(self, row: Sequence[int]) -> list[int]:
        """The row with its marks."""
        return [*self.before, *row[self.drop_first : len(row) - self.drop_last], *self.after]


def marks_of(config: Mapping[str, Any], marked: list[int], bare: list[int], bos: int | None, eos: int | None) -> Marks:
    """The marks that a configuration asks for, set against those that the tokenizer adds.

    Args:
        config: tokenizer_config.json; `add_bos_token` and `add_eos_token` count where they are true or false.
        marked, bare: one text as token ids, with and without the tokenizer's marks.
        bos, eos: ids of the two marks, or None where there is none.
    """
    start = len(opening(marked, bare))
    first, last = marked[:start], marked[start + len(bare) :]
    add_first, add_last = config.get("add_bos_token"), config.get("add_eos_token")
    before = (bos,) if add_first is True and bos is not None and bos not in first else ()
    after = (eos,) if add_last is True and eos is not None and eos not in last else ()
    drop_first = add_first is False and bos is not None and first == [bos]
    drop_last = add_last is False and eos is not None and last == [eos]
    notes = []
    for key, value, changed in (
        ("add_bos_token", add_first, bool(before) or drop_first),
        ("add_eos_token", add_last, bool(after) or drop_last),
    ):
        if changed:
            notes.append(
                f"tokenizer_config.json sets {key} to {str(value).lower()} and tokenizer.json does not; "
                f"tokenizer_config.json was followed"
            )
    return Marks(before, after, drop_first, drop_last, tuple(notes))


def opening(marked: list[int], bare: list[int]) -> list[int]:
    """Marks before a text: the tokens before its bare tokens."""
    places = range(len(marked) - len(bare) + 1)
    start = next((i for i in places if bare and marked[i : i + len(bare)] == bare), 0)
    return list(marked[:start])
