"""Names as people read them: they come from outside."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def visible(text: str) -> str:
    """The text on one line with control and direction characters made harmless."""
    return "".join(
        " " if letter in "\n\r\t" else "�" if unicodedata.category(letter) in ("Cc", "Cf", "Cs") else letter
        for letter in text
    )


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`: all of them."""
    shown = [visible(name) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
