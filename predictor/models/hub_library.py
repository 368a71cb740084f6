"""The hub library, loaded where a model of the hub is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from predictor.models.libraries import need


def hub_library() -> Any:
    """The hub library, without the bars and warnings that it writes to stderr."""
    need("huggingface_hub", purpose="reading models of the hub")
    library: Any = import_module("huggingface_hub")
    import_module("huggingface_hub.file_download")
    library.utils.disable_progress_bars()
    library.utils.logging.set_verbosity_error()
    return library
