"""TrainingState: weights in the shards of a training framework, and weights that only another library can run.

Neither is read here. Each is recognised by its files' names or its configuration, before anything is opened.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from predictor.errors import RefusedError
from predictor.models.config_file import read_json_object

CONSOLIDATE = "zero_to_fp32.py"
"""DeepSpeed's own script, which it copies into every checkpoint."""

_PACKED = ("gptq", "awq", "bitsandbytes")
"""Quantisations whose weights are no tensors of the network's own shapes."""

PACKED_SETTINGS = {"quantize_config.json": "gptq", "quant_config.json": "awq"}
"""Files that AutoGPTQ and AutoAWQ write beside config.json, and their quantisation."""

_CARD_BASE = re.compile(r"^base_model:\s*(?:\n\s*-\s*)?[\"']?([\w.-]+/[\w.-]+)", re.MULTILINE)


def check_no_shards(folder: Path, as_given: str) -> None:
    """Refuse a folder with the shards of DeepSpeed (`global_step500/*.pt`) or FSDP (`pytorch_model_fsdp_0/*.distcp`).

    The folder may also be that of the shards.

    Raises:
        RefusedError: with the command of their framework that makes one model of them.
    """
    where = as_given.rstrip("/")
    above = where.rpartition("/")[0] or "."
    if _is_deepspeed(folder) and (folder.parent / CONSOLIDATE).is_file():
        raise _sharded(where, "DeepSpeed", f"python {above}/{CONSOLIDATE} {above} {above} --safe_serialization", above)
    if any(folder.glob("*.distcp")):
        raise _sharded(where, "FSDP", f"accelerate merge-weights {where} {where}-merged", f"{where}-merged")
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    if any(_is_deepspeed(path) for path in inside):
        raise _sharded(where, "DeepSpeed", f"python {where}/{CONSOLIDATE} {where} {where} --safe_serialization", where)
    for path in inside:
        if any(path.glob("*.distcp")) and not path.name.startswith("optimizer"):
            raise _sharded(where, "FSDP", f"accelerate merge-weights {where}/{path.name} {where}", where)


def _is_deepspeed(folder: Path) -> bool:
    return folder.name.startswith("global_step") and any(folder.glob("*.pt"))


def _sharded(as_given: str, framework: str, command: str, target: str) -> RefusedError:
    return RefusedError(
        f"{as_given!r} has its weights in the shards of a training with {framework}. Make one model of them with: "
        f"{command} and give {target}, with the model's config.json and tokenizer in it.",
        reason="SHARDED_WEIGHTS",
        field="model",
    )


def quantisation(config: Mapping[str, Any], folder: Path) -> str:
    """`gptq`, `awq` or `bitsandbytes` where the weights are packed by one of these, else ""."""
    settings = config.get("quantization_config") or _own_settings(folder)
    kind = str(settings.get("quant_method", "")).lower() if isinstance(settings, dict) else ""
    return kind if kind in _PACKED else ""


def check_not_quantised(config: Mapping[str, Any], folder: Path, as_given: str) -> None:
    """Refuse packed integer weights, which kernels of their own unpack.

    Raises:
        RefusedError: weights of GPTQ, AWQ or bitsandbytes.
    """
    kind = quantisation(config, folder)
    if not kind:
        return
    if kind == "bitsandbytes":
        code = (
            f"from transformers import AutoModelForCausalLM as M; "
            f"M.from_pretrained({as_given!r}).dequantize().save_pretrained({as_given.rstrip('/') + '-fp16'!r})"
        )
        step = f"Write them out where bitsandbytes is installed, with: python -c {shlex.quote(code)}"
    else:
        base = _base_of(folder)
        step = (
            f"Give the model that was quantised: w2s models check hub:{base} prints its commit"
            if base
            else "Give the model that was quantised"
        )
        step += "; or save hidden states of this one where vLLM runs it, and give array:FOLDER#layer=K"
    raise RefusedError(
        f"{as_given!r} has weights quantised by {kind}, packed integers that only kernels of its own unpack. {step}.",
        reason="QUANTISED_WEIGHTS",
        field="model",
    )


def _own_settings(folder: Path) -> dict[str, Any]:
    """Settings in a file of their own."""
    for name, kind in PACKED_SETTINGS.items():
        if (folder / name).is_file():
            return {"quant_method": kind, **read_json_object(folder / name)}
    return {}


def _base_of(folder: Path) -> str:
    """The hub repository that the card names as the base, or ""."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    found = _CARD_BASE.search(card.read_text(encoding="utf-8", errors="replace"))
    return found[1] if found else ""
