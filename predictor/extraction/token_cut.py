"""Token cut: which tokens of a row that is too long stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from predictor.query.settings import Truncate

T = TypeVar("T")


@dataclass(frozen=True)
class Cut:
    """Where a row is cut.

    Attributes:
        side: the end that is cut off, or the middle.
        lead: tokens at its start, of a prefix, that stay whichever side is cut.
    """

    side: Truncate = "right"
    lead: int = 0

    def apply(self, ids: Sequence[T], room: int) -> list[T]:
        """At most `room` of the tokens, in their order."""
        if len(ids) <= room or self.side == "right":
            return list(ids[:room])
        lead = min(self.lead, room - 1)
        rest, left = ids[lead:], room - lead
        if self.side == "left":
            return [*ids[:lead], *rest[len(rest) - left :]]
        return [*ids[:lead], *rest[: -(-left // 2)], *rest[len(rest) - left // 2 :]]

    def between(self, ids: Sequence[int], opening: int, closing: int, limit: int) -> list[int]:
        """A row of at most `limit` tokens whose opening and closing marks stay, one token of the text at least."""
        end = len(ids) - closing
        room = max(1, limit - opening - closing)
        return [*ids[:opening], *self.apply(ids[opening:end], room), *ids[end:]]


RIGHT = Cut()
"""The end is cut off."""
