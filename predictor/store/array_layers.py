"""Array layers: one layer, or several, of an array of shape (rows, layers, d)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError


class ArrayLayer(NamedTuple):
    """A layer of a dump.

    Attributes:
        name: of the candidate; that of the array and `#layer=K` where several are asked for.
        values: (rows, d), or (rows,).
    """

    name: str
    values: NDArray[Any]


def array_layers(values: NDArray[Any], asked: str | None, name: str, rows: int | None = None) -> tuple[ArrayLayer, ...]:
    """The layers that are asked for.

    Args:
        values: (rows,), (rows, d) or (rows, layers, d).
        asked: numbers from 0, `middle` and `last`, joined by commas; None for an array without layers.
        name: of the array's candidate.
        rows: of the pool, to tell the axes apart in a message.

    Raises:
        InputError: layers asked of an array without them, none asked of one with them, or no such layer.
    """
    shape = tuple(int(size) for size in values.shape)
    if values.ndim < 3:
        if asked is not None:
            raise InputError(
                f"{name!r} has shape {shape} and so no layers; #layer={asked} is for arrays of shape (rows, layers, "
                "d). Leave it out.",
                reason="BAD_LAYER",
                field="layer",
            )
        return (ArrayLayer(name, values),)
    if values.ndim > 3 or not all(shape):
        raise InputError(
            f"{name!r} has shape {shape}; features are (rows, d) or (rows, layers, d). Average the tokens, or take the "
            "last one, before saving.",
            reason="ARRAY_SHAPE",
            field=name,
        )
    if rows is not None and shape[0] != rows == shape[1]:
        raise InputError(
            f"{name!r} has shape {shape}, and the pool {rows} rows: the layers come first. Save "
            "numpy.swapaxes(x, 0, 1), which is (rows, layers, d).",
            reason="ARRAY_SHAPE",
            field=name,
        )
    last = shape[1] - 1
    if asked is None:
        raise InputError(
            f"{name!r} has shape {shape}: {shape[1]} layers of each row. Choose with #layer=K, from 0 to {last}, or "
            "several with #layer=K,L. An array of tokens has to be pooled before saving.",
            reason="BAD_LAYER",
            field="layer",
        )
    words = {"middle": (last + 1) // 2, "last": last}
    numbers = dict.fromkeys(
        words.get(part, int(part) if part.isascii() and part.isdigit() else -1)
        for part in map(str.strip, asked.split(","))
    )
    if not all(0 <= number <= last for number in numbers):
        raise InputError(
            f"{name!r} has no layer {asked!r}; it has 0 to {last}, counted along its second axis.",
            reason="BAD_LAYER",
            field="layer",
        )
    return tuple(
        ArrayLayer(name if len(numbers) == 1 else f"{name}#layer={number}", np.asarray(values[:, number]))
        for number in numbers
    )
