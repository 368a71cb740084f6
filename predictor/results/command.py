"""Repeat: the shell command that asks the same question again, read from a ranking's provenance."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any


def command(request: Mapping[str, Any]) -> str:
    """The command of the request, quoted for a shell, one flag a line; empty for other requests.

    `request["command"]` has its words after `w2s`: the subcommand, then flags and values.
    """
    words = request.get("command")
    if not isinstance(words, list | tuple) or not words:
        return ""
    lines = [f"w2s {shlex.quote(str(words[0]))}"]
    for word in map(str, words[1:]):
        if word.startswith("--"):
            lines.append(word)
        else:
            lines[-1] += f" {shlex.quote(word)}"
    return " \\\n    ".join(lines)


def settings(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was asked from Python or another program, as pairs to read; what was left open is left out."""
    found = ((key, _listed(value)) for key, value in request.items() if value is not None)
    return [(key, value) for key, value in found if value]


def _listed(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={item}" for name, item in value.items() if item is not None)
    return ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
