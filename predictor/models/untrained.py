"""Untrained weights: whether a model was ever trained, from its normalisation layers alone.

Frameworks start the scale of every normalisation layer at 1. Training moves it, so a model in which every one is
exactly 1 still has its random weights.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

ONES = {"F64": struct.pack("<d", 1.0), "F32": struct.pack("<f", 1.0), "F16": b"\x00\x3c", "BF16": b"\x80\x3f"}
"""Bytes of 1 by element type of a safetensors file."""

LAYERS = 2
"""Normalisation layers that are needed to tell."""


def has_random_weights(files: Iterable[Path]) -> bool:
    """Whether all normalisation layers in these safetensors files have the scale that untrained ones have.

    False where there are fewer than LAYERS of them, and of files of another form.
    """
    found = [one for path in files if path.suffix == ".safetensors" for one in _scales(path)]
    return len(found) >= LAYERS and all(found)


def _scales(path: Path) -> Iterator[bool]:
    """Per normalisation layer, whether its scale is exactly 1 everywhere."""
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        for name, about in header.items():
            if not _is_scale(name) or about["dtype"] not in ONES:
                continue
            start, end = about["data_offsets"]
            one = ONES[about["dtype"]]
            file.seek(8 + size + start)
            yield file.read(end - start) == one * ((end - start) // len(one))


def _is_scale(name: str) -> bool:
    module, _, kind = name.lower().rpartition(".")
    own = module.rpartition(".")[2]
    return kind in ("weight", "gamma") and (own.endswith("norm") or own.startswith(("norm", "ln_", "layer_norm")))
