"""Packed linear layers: weights laid out once for the CPU's matrix kernels, not anew at every call.

The library's own `linear` in fp32 goes to MKL, which runs AMD's AVX-512 cores at half speed, and in bf16 it reorders
the weights each time. oneDNN's kernel on weights that were reordered once does neither.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

Undo = Callable[[], None]


def pack(model: torch.nn.Module) -> Undo:
    """Replace the arithmetic of every plain linear layer on the CPU; features move by rounding.

    A layer's `weight` keeps its shape and type but is empty afterwards, so that weights are in memory once. A model
    that reads `weight` itself would go wrong: compare what it gives before and after, and undo.

    Returns:
        Puts everything back as it was; drop it to free the old weights.
    """
    before: list[tuple[torch.nn.Linear, torch.Tensor]] = []

    def undo() -> None:
        for layer, weight in before:
            layer.weight = torch.nn.Parameter(weight, requires_grad=False)
            del vars(layer)["forward"]

    if not torch._C._has_mkldnn:
        return undo
    for layer in model.modules():
        if type(layer) is not torch.nn.Linear or layer.weight.device.type != "cpu":
            continue
        weight = layer.weight
        try:
            packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous())
        except (AttributeError, RuntimeError):
            break  # A library without this kernel, or a CPU without this type: the rest runs as it is.
        before.append((layer, weight))
        hollow = torch.zeros(1, dtype=weight.dtype).expand(weight.shape)
        layer.weight = torch.nn.Parameter(hollow, requires_grad=False)
        vars(layer)["forward"] = partial(_linear, packed, layer.bias)
    return undo


def _linear(packed: torch.Tensor, bias: torch.Tensor | None, rows: torch.Tensor) -> Any:
    return torch.ops.mkldnn._linear_pointwise(rows, packed, bias, "none", [], "")
