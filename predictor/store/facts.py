"""Facts: metadata of a feature file about its model, where the values are possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

MAX = 1 << 63
"""Weights that a message can count."""


class Facts(TypedDict):
    """A feature file's metadata about its model; see `FeatureSet`."""

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
