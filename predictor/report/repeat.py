"""Repeat: the shell command that asks the same question again, read from a ranking's provenance."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

FLAGS = (
    "strong",
    "weak",
    "pool",
    "text_column",
    "id_column",
    "labels",
    "weak_labels",
    "layer",
    "pooling",
    "max_rows",
    "max_length",
    "seed",
    "estimators",
    "rank_by",
    "calibration",
)
"""Keys of `provenance.request` that are flags, in the order in which people read them."""

SINGULAR = {"estimators": "estimator"}


def command(request: Mapping[str, Any]) -> str:
    """`w2s rank --strong … --weak …`, quoted for a shell, one flag a line; empty where no command was typed."""
    if not request.get("command"):
        return ""
    lines = [f"w2s {request['command']}"]
    for key in FLAGS:
        value = request.get(key)
        if value is None or value == "":
            continue
        flag = "--" + SINGULAR.get(key, key).replace("_", "-")
        for item in _items(value):
            lines.append(f"{flag} {shlex.quote(item)}")
    return " \\\n    ".join(lines)


def settings(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was asked from Python or another program, as pairs to read; what was left open is left out."""
    found = ((key, ", ".join(_items(value))) for key, value in request.items() if value is not None)
    return [(key, value) for key, value in found if value]


def _items(value: object) -> Sequence[str]:
    if isinstance(value, Mapping):
        return [f"{name}={item}" for name, item in value.items()]
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return [str(value)]
