"""Declared sizes: what a config.json says of a model, compared with the weights before anything of that size is built.

A folder's configuration and weights come from the same hands, but only the weights have to be there: a configuration of
a few bytes may declare more layers and wider ones than any machine holds.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from predictor.errors import RefusedError
from predictor.models.tensor_shapes import tensor_shapes

LAYERS = (
    "num_hidden_layers", "num_layers", "n_layer", "n_layers", "encoder_layers", "decoder_layers", "num_decoder_layers",
    "num_encoder_layers",
)  # fmt: skip
WIDTHS = (
    ("hidden_size",), ("intermediate_size",), ("vocab_size",), ("type_vocab_size",), ("embedding_size",), ("d_model",),
    ("d_ff",), ("dim",), ("hidden_dim",), ("n_embd",), ("n_inner",), ("ffn_dim",), ("encoder_ffn_dim",),
    ("decoder_ffn_dim",), ("num_experts",), ("num_local_experts",), ("num_attention_heads", "head_dim"),
    ("num_heads", "d_kv"),
)  # fmt: skip
"""Keys whose product is the size of a dimension of some tensor, or a part of one."""

MAX_SHARED_LAYERS = 512
"""For a model whose layers share their weights, which the weights say nothing about."""

_SHARED = frozenset(("albert",))


def check_declared_sizes(config: dict[str, Any], folder: Path) -> None:
    """Refuse a configuration that declares more than the folder's safetensors hold; without any it is not checked.

    Raises:
        RefusedError: more layers than any tensor's name has, a width that is longer than every dimension, or
            a header that is damaged or too long.
    """
    shapes = {
        name: shape for path in sorted(folder.glob("*.safetensors")) for name, shape in tensor_shapes(path).items()
    }
    if not shapes:
        return
    layers = max((int(part) + 1 for name in shapes for part in name.split(".") if _is_number(part)), default=0)
    if config.get("model_type") in _SHARED:
        layers = MAX_SHARED_LAYERS
    longest = max((size for shape in shapes.values() for size in shape), default=0)
    for key in LAYERS:
        _check(folder, key, _size(config, (key,)), layers, "layers")
    for keys in WIDTHS:
        _check(folder, " × ".join(keys), _size(config, keys), longest, "entries in the longest dimension")


def _size(config: dict[str, Any], keys: tuple[str, ...]) -> int:
    """The product of the declared values; 0 where one is missing or no whole number."""
    values = [config.get(key) for key in keys]
    return prod(value for value in values if isinstance(value, int)) if all(isinstance(v, int) for v in values) else 0


def _check(folder: Path, name: str, declared: int, found: int, what: str) -> None:
    if declared > found:
        raise RefusedError(
            f"the config.json of {folder} declares {name} = {declared}, and its weights have {found} {what}; restore "
            "the configuration that belongs to the weights.",
            reason="CONFIG_CONTRADICTS_WEIGHTS",
            field="model",
        )


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 7
