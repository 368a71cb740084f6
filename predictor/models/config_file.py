"""Configuration files: the config.json of a model folder, and other JSON objects that decide how files are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from predictor.errors import RefusedError


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json, or {} where there is none.

    Raises:
        RefusedError: it is not a JSON object.
    """
    path = folder / "config.json"
    return read_json_object(path) if path.is_file() else {}


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        RefusedError: it is not a JSON object.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(
            f"{path} is not JSON ({type(error).__name__}: {error}), so the kind of the model is unknown; fetch the "
            "file again.",
            reason="CONFIG_UNREADABLE",
            field="model",
        ) from error
    if not isinstance(raw, dict):
        raise RefusedError(
            f"{path} is a {type(raw).__name__}; it must be a JSON object.",
            reason="CONFIG_UNREADABLE",
            field="model",
        )
    return raw
