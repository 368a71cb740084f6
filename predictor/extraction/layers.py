"""Layers: from the user's words to layer numbers."""

from __future__ import annotations

from predictor.errors import InputError


def resolve_layers(text: str, depth: int, name: str) -> tuple[int, ...]:
    """Layer numbers in the order asked for, each once.

    0 is the embeddings' output, k the output of block k; of a model with L blocks `middle` is ceil(L/2)
    and `last` is L.

    Args:
        text: numbers, `middle` and `last`, joined by commas.
        depth: L.
        name: the candidate, for messages.

    Raises:
        InputError: not a layer, or out of range.
    """
    words = {"middle": (depth + 1) // 2, "last": depth}
    found = []
    for part in (piece.strip() for piece in text.split(",")):
        number = words.get(part, int(part) if part.isascii() and part.isdigit() else -1)
        if not 0 <= number <= depth:
            raise InputError(
                f"{name!r} has no layer {part!r}; it has 0 (embeddings) to {depth}, middle is {words['middle']}, "
                f"last is {depth}.",
                reason="BAD_LAYER",
                field="layer",
            )
        found.append(number)
    return tuple(dict.fromkeys(found))
