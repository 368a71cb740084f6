"""Facts: what a file of features says of the model that gave them, as far as it can be true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

MAX = 1 << 63
"""Weights that a message can count."""


class Facts(TypedDict):
    """What a file's metadata say of the model that gave its values; see `FeatureSet`."""

    parameters: int | None
    depth: float | None


def facts_of(about: Mapping[str, str]) -> Facts:
    """Parameters and depth as `write_features` records them; None where they are missing or no such number."""
    parameters, depth = (_number(about.get(name, "")) for name in ("parameters", "depth"))
    return Facts(
        parameters=parameters if isinstance(parameters, int) and 0 <= parameters < MAX else None,
        depth=float(depth) if depth is not None and 0.0 <= depth <= 1.0 else None,
    )


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
