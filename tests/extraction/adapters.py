"""Adapters with random weights over tiny real models, trained on nothing and saved by peft itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from peft import PeftConfig, PeftType, get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

from predictor.extraction.check import check

SETTINGS: dict[str, dict[str, Any]] = {
    "ADALORA": {"total_step": 10, "r": 4},
    "BOFT": {"boft_block_size": 8},
    "C3A": {"block_size": 8},
    "FOURIERFT": {"n_frequency": 50},
    "IA3": {"feedforward_modules": ["o_proj"]},
    "LN_TUNING": {"target_modules": ["input_layernorm"]},
    "MISS": {"r": 4},
    "OFT": {"oft_block_size": 8},
    "ROAD": {"group_size": 8},
    "SHIRA": {"r": 2},
    "TRAINABLE_TOKENS": {"target_modules": ["embed_tokens"], "token_indices": [3, 5]},
    "VBLORA": {"vector_length": 8, "num_vectors": 16, "r": 2},
    "WAVEFT": {"n_frequency": 50},
}
"""What each kind needs on a Llama of width 32."""


def settings_of(kind: str, **given: Any) -> PeftConfig:
    """peft's settings of one kind of adapter on two maps of each block."""
    config = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(kind)]
    return config(**{"target_modules": ["q_proj", "o_proj"], **SETTINGS.get(kind, {}), **given})


def adapted(base: Path, settings: PeftConfig, folder: Path, auto: str = "AutoModelForCausalLM", **options: Any) -> Any:
    """A model with a random adapter, saved to a folder; returned as peft runs it, unmerged."""
    torch.manual_seed(7)
    whole = getattr(transformers, auto).from_pretrained(base, **options)
    model = get_peft_model(whole, settings)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data += 0.1 * torch.randn_like(weight)
    model.save_pretrained(folder)
    return model.eval()


def problem(reference: str | Path, cache: Path) -> str:
    """The one thing that is wrong with a model."""
    (found,) = check(str(reference), cache).problems
    return found
