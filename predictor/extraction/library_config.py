"""Library configuration: the object of the transformers library for a model's config.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING

from predictor.errors import RefusedError
from predictor.models.architectures import KERNEL_KEYS, check_architecture


def configuration(config: dict[str, Any], folder: Path) -> Any:
    """The library's own object of a configuration.

    Raises:
        RefusedError: an unknown architecture, or a configuration that the library cannot read.
    """
    kind = check_architecture(config, folder)
    try:
        return CONFIG_MAPPING[kind].from_dict(portable(config))
    except Exception as error:  # boundary: third-party reader of a file that we did not write
        raise unreadable(folder, error) from error


def portable(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the kernels of the machine that saved it; the library then chooses its own.

    All attention kernels give the same features, not all run here, and the name of one may ask a hub for its code.
    """
    return {
        key: portable(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key.strip("_") not in KERNEL_KEYS
    }


def unreadable(path: Path, error: Exception) -> RefusedError:
    """The error of files that the library cannot load."""
    return RefusedError(
        f"{path} cannot be loaded ({type(error).__name__}: {(str(error).splitlines() or [''])[0]}).",
        reason="MODEL_UNREADABLE",
        field="model",
    )
