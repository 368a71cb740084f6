"""Adapters: low-rank updates of a model's attention weights, by the peft package.

    W x + (2r / r) B A x,  A (r, d_in) random, B (d_out, r) zero at first, W fixed.

Source: Hu et al. 2021, "LoRA", arXiv:2106.09685; scale α = 2r.
"""

from __future__ import annotations

from typing import Any

import torch

from predictor.errors import InputError, RefusedError


def attach(model: torch.nn.Module, rank: int) -> None:
    """Put adapters on every linear map inside the attention blocks; all other weights are frozen.

    Raises:
        InputError: peft is not installed.
        RefusedError: the model has no linear map whose name shows that it belongs to attention.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise InputError(
            "recipe lora needs the peft package: pip install 'w2s-predictor[finetune]', or give recipe full.",
            reason="PACKAGE_MISSING",
            field="recipe",
        ) from error
    names = attention_maps(model)
    if not names:
        raise RefusedError(
            f"{type(model).__name__} has no linear map with 'att' in its name, so adapters fit nowhere; give recipe "
            "full.",
            reason="NO_ATTENTION",
            field="strong",
        )
    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=names)
    inject_adapter_in_model(config, model)
    for name, weight in model.named_parameters():
        weight.requires_grad_("lora_" in name)


def attention_maps(model: torch.nn.Module) -> list[str]:
    """Full names of the linear maps (of GPT-2 and its kin: `Conv1D`) inside attention blocks."""
    return [
        name
        for name, module in model.named_modules()
        if (isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D") and "att" in name.lower()
    ]


def reset(model: torch.nn.Module) -> None:
    """Draw every A anew, from torch's generator, and set every B to zero: the model answers as it did without them."""
    from peft.tuners.lora import LoraLayer

    for module in model.modules():
        if isinstance(module, LoraLayer):
            layer: Any = module
            layer.reset_lora_parameters("default", True)
