"""Tensor shapes and types: the tensors of a safetensors file, from its header alone."""

from __future__ import annotations

import json
from pathlib import Path

from predictor.errors import RefusedError

MAX_HEADER = 64 << 20
"""Bytes. A longer header is refused before it is parsed."""


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of each tensor.

    Raises:
        RefusedError: no such file, or a damaged one.
    """
    return {name: shape for name, (shape, _) in _header(path).items()}


def tensor_types(path: Path) -> dict[str, str]:
    """Name -> type of the numbers of each tensor, as safetensors calls it: `F32`, `I8`, `F8_E4M3`.

    Raises:
        RefusedError: as `tensor_shapes`.
    """
    return {name: kind for name, (_, kind) in _header(path).items()}


def _header(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(MAX_HEADER, path.stat().st_size):
                raise ValueError("its header is longer than the file")
            raw = json.loads(file.read(length))
        return {
            name: (tuple(int(size) for size in about["shape"]), str(about["dtype"]))
            for name, about in raw.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RefusedError(
            f"{path} is not a readable safetensors file ({error}); fetch it again.",
            reason="WEIGHTS_INCOMPLETE",
            field="model",
        ) from error
