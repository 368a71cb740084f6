"""Torch weights: a transformers model from its files, complete or refused."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, modeling_gguf_pytorch_utils
from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING
from transformers.utils import logging as transformers_logging

from predictor.errors import RefusedError
from predictor.extraction.declared_sizes import check_declared_sizes
from predictor.extraction.library_config import configuration, unreadable
from predictor.extraction.merged_adapter import load_merged
from predictor.models.artefact import Artefact
from predictor.models.forms import GGUF
from predictor.models.gguf_file import check_gguf_architecture
from predictor.models.tensor_shapes import tensor_types

UNUSED_PARTS = ("pooler.", "lm_head.", "cls.", "classifier.", "score.", "qa_outputs.")


def load_weights(
    artefact: Artefact,
    dtype: torch.dtype,
    auto: Any = AutoModel,
    unused: tuple[str, ...] = UNUSED_PARTS,
    outputs: int | None = None,
) -> Any:
    """A transformers model from its files, adapters merged into it; no code of its own is run.

    Args:
        dtype: of the weights; another than the process's default is that default while the model is built, for every
            thread.
        auto: which of the library's Auto classes reads it, and so which head it gets.
        unused: beginnings of the names of weights that may be missing.
        outputs: of a classification head, where the configuration does not give their number.

    Raises:
        RefusedError: an unknown architecture, unreadable, or weights missing.
    """
    if artefact.base is not None:
        return load_merged(artefact, auto, unused, partial(load_weights, artefact.base, dtype))
    options: dict[str, Any] = {"use_safetensors": True}
    if artefact.form == GGUF:
        options = {"gguf_file": artefact.path.name}
        _silence_gguf()
    else:
        check_declared_sizes(artefact.config, artefact.path)
        _check_types(artefact)
        options["config"] = configuration(artefact.config, artefact.path)
        if outputs is not None:
            options["config"].num_labels = outputs
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # the library has no types here
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # as above
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, report = auto.from_pretrained(
                str(artefact.folder),
                dtype=dtype,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported, and refused below with the tensor's name
                **options,
            )
    except Exception as error:  # boundary: third-party loader over files that we did not write
        if artefact.form == GGUF:
            check_gguf_architecture(artefact.path)
        raise unreadable(artefact.path, error) from error
    _check_complete(artefact.path, report, (*unused, *(["decoder."] if model.config.is_encoder_decoder else [])))
    return model


def _check_types(artefact: Artefact) -> None:
    """Refuse weights in integers or 8-bit floats that no configuration says how to scale: they would be read unscaled.

    Raises:
        RefusedError: naming the first such weight.
    """
    settings = artefact.config.get("quantization_config")
    if isinstance(settings, dict) and settings.get("quant_method") in AUTO_QUANTIZATION_CONFIG_MAPPING:
        return
    files = sorted(artefact.path.glob("*.safetensors"))
    kinds = {name: kind for file in files for name, kind in tensor_types(file).items()}
    scaled = [name for name, kind in kinds.items() if kind.startswith("F8") or (kind[0] in "IU" and _is_weight(name))]
    if scaled:
        raise RefusedError(
            f"{scaled[0]} of {artefact.path} has {kinds[scaled[0]]} numbers, which mean nothing without their scales, "
            "and config.json has no quantization_config that says how to unpack them. Restore that entry, or give the "
            "model as it was before it was quantised.",
            reason="QUANTISED_WEIGHTS",
            field="model",
        )


def _is_weight(name: str) -> bool:
    return name == "weight" or name.endswith(".weight")


def _silence_gguf() -> None:
    """Disable the progress bar that the library writes to stderr, where our own progress goes."""
    bar = getattr(modeling_gguf_pytorch_utils, "tqdm", None)
    if bar is not None:
        vars(modeling_gguf_pytorch_utils)["tqdm"] = partial(bar, disable=True)


def _check_complete(path: Path, report: dict[str, Any], unused: tuple[str, ...]) -> None:
    """Refuse weights that the library would replace by random numbers."""
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(unused))
    reshaped = sorted(
        _shapes(*entry) if isinstance(entry, tuple) else str(entry)
        for entry in report["mismatched_keys"]
        if (entry[0] if isinstance(entry, tuple) else entry) not in unused
    )
    if missing or reshaped:
        raise RefusedError(
            f"{path} lacks {len(missing)} weight tensor(s) and {len(reshaped)} have another shape than its config.json "
            f"declares (first: {', '.join((missing + reshaped)[:3])}); they would be random. Fix the folder or its "
            "config.json.",
            reason="WEIGHTS_INCOMPLETE",
            field="model",
        )


def _shapes(name: str, stored: Sequence[int], declared: Sequence[int]) -> str:
    return f"{name} is {tuple(stored)} instead of {tuple(declared)}"
