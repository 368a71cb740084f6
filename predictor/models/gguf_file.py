"""GGUF files: the architecture that one declares, for the message where transformers cannot read it."""

from __future__ import annotations

from pathlib import Path

from predictor.errors import RefusedError


def check_gguf_architecture(path: Path) -> None:
    """Refuse a file whose architecture transformers does not read from GGUF. Called once its loading has failed.

    Raises:
        RefusedError: another architecture, such as that of an encoder.
    """
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    architecture = _architecture(path)
    if architecture is None or architecture in GGUF_SUPPORTED_ARCHITECTURES:
        return
    raise RefusedError(
        f"{path.name} is a model of the architecture {architecture!r}, which transformers does not read from GGUF "
        f"(encoders among them); it reads {', '.join(sorted(GGUF_SUPPORTED_ARCHITECTURES)[:6])} … Give the model's "
        "safetensors folder, or its ONNX export as onnx:FILE.",
        reason="ARCHITECTURE_REFUSED",
        field="model",
    )


def _architecture(path: Path) -> str | None:
    from gguf import GGUFReader

    try:
        field = GGUFReader(str(path)).get_field("general.architecture")
    except (ValueError, OSError, IndexError, KeyError):
        return None  # damaged: the loader reports it
    return None if field is None else str(field.contents())
