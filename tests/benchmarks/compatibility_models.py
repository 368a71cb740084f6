"""Tiny models with random weights of every architecture that is read, written as their own library writes them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModel

LAYERS, WIDTH, HEADS, POSITIONS = 3, 32, 4, 160

_SIZES: dict[str, Any] = {
    "hidden_size": WIDTH, "d_model": WIDTH, "n_embd": WIDTH, "dim": WIDTH, "emb_dim": WIDTH, "embedding_size": WIDTH,
    "num_hidden_layers": LAYERS, "num_layers": LAYERS, "n_layers": LAYERS, "n_layer": LAYERS, "encoder_layers": LAYERS,
    "num_encoder_layers": LAYERS, "decoder_layers": 1, "num_decoder_layers": 1,
    "num_attention_heads": HEADS, "num_heads": HEADS, "n_heads": HEADS, "n_head": HEADS, "attention_heads": HEADS,
    "encoder_attention_heads": HEADS, "decoder_attention_heads": HEADS, "num_encoder_attention_heads": HEADS,
    "num_decoder_attention_heads": HEADS, "num_key_value_heads": 2, "head_dim": WIDTH // HEADS,
    "intermediate_size": 48, "ffn_dim": 48, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "d_ff": 48, "hidden_dim": 48,
    "n_inner": 48, "d_kv": WIDTH // HEADS, "num_experts": 4, "num_local_experts": 4, "moe_intermediate_size": 24,
    "shared_expert_intermediate_size": 24, "rotary_dim": 4, "max_position_embeddings": POSITIONS,
    "n_positions": POSITIONS, "n_ctx": POSITIONS, "max_seq_len": POSITIONS, "sliding_window": 64,
    "query_pre_attn_scalar": 8, "ffn_hidden_size": 48, "n_embed": WIDTH, "word_embed_proj_dim": WIDTH,
    "expert_capacity": 64, "num_experts_per_tok": 2,
}  # fmt: skip
"""Names that configurations give to the same few sizes, all made small."""

_OTHER: dict[str, dict[str, Any]] = {
    "deberta": {"relative_attention": True, "pos_att_type": "c2p|p2c"},
    "deberta-v2": {"relative_attention": True, "pos_att_type": "c2p|p2c"},
    "gpt_neo": {"attention_types": [[["global", "local", "global"], 1]], "window_size": 8},
    "big_bird": {"block_size": 8, "num_random_blocks": 1},
    "bigbird_pegasus": {"block_size": 8, "num_random_blocks": 1},
    "longformer": {"attention_window": [8] * LAYERS},
    "led": {"attention_window": 8},
    "mobilebert": {"embedding_size": WIDTH, "intra_bottleneck_size": 16, "true_hidden_size": 16},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "squeezebert": {"embedding_size": WIDTH},
    "prophetnet": {"ngram": 2, "num_encoder_layers": LAYERS},
    "mra": {"block_per_row": 2},
    "nystromformer": {"num_landmarks": 64, "segment_means_seq_len": 64},
    "gpt_bigcode": {"multi_query": True},
    "codegen": {"rotary_dim": 4},
    "convbert": {"embedding_size": WIDTH, "head_ratio": 2, "conv_kernel_size": 3},
    "phimoe": {"sliding_window": None},
    "esm": {"position_embedding_type": "rotary", "mask_token_id": 4, "pad_token_id": 0},
    "ibert": {"quant_mode": False},
}
"""What an architecture needs beside."""

_FIXED = {"falcon": ("head_dim",), "prophetnet": ("num_hidden_layers", "num_attention_heads")}
"""Sizes that an architecture derives from others."""

_LIKELY_ERRORS = (
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    RuntimeError,
    IndexError,
    AssertionError,
    ImportError,
    NotImplementedError,
)


def tiny_model(kind: str, vocabulary: int) -> Any:
    """A model of this type in fp32, with weights large enough that layers and rows differ.

    Raises:
        ValueError: its library cannot build it at this size; with the reason.
    """
    if kind not in CONFIG_MAPPING:
        raise ValueError("the installed transformers does not have it")
    try:
        default = CONFIG_MAPPING[kind]()
        fixed = _FIXED.get(kind, ())
        known = {name: value for name, value in _SIZES.items() if hasattr(default, name) and name not in fixed}
        config = CONFIG_MAPPING[kind](**{**known, "vocab_size": vocabulary, **_OTHER.get(kind, {})})
        for name in ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"):
            if isinstance(getattr(config, name, None), int) and getattr(config, name) >= vocabulary:
                setattr(config, name, 0)
        torch.manual_seed(0)
        model = AutoModel.from_config(config).eval()
    except _LIKELY_ERRORS as error:
        raise ValueError(f"not built: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:90]}") from error
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim >= 2 and weight.is_floating_point():
                torch.manual_seed(len(name))
                weight.add_(0.08 * torch.randn_like(weight))
    return model


def write_folder(model: Any, folder: Path, tokenizer: Path) -> Path:
    """A folder as its library writes it, with a tokenizer beside."""
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder)
    return folder


def write_onnx(model: Any, folder: Path, tokenizer: Path) -> Path:
    """A graph whose outputs are the hidden states, by torch's own exporter."""
    folder.mkdir(parents=True)
    path, ids = folder / "model.onnx", torch.arange(8)[None]
    names = [f"hidden_states.{layer}" for layer in range(LAYERS + 1)]
    inputs = ["input_ids", "attention_mask"]
    torch.onnx.export(
        _HiddenStates(model).eval(),
        (ids, torch.ones_like(ids)),
        str(path),
        dynamo=False,
        input_names=inputs,
        output_names=names,
        dynamic_axes={name: {0: "rows", 1: "tokens"} for name in (*inputs, *names)},
        opset_version=17,
    )
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder)
    return path


class _HiddenStates(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """All hidden states."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        return tuple(self.model(**inputs, output_hidden_states=True).hidden_states)


def write_gguf(model: Any, path: Path) -> Path:
    """A GGUF file in float32, with the names that gguf's own table gives the tensors. It has no tokenizer."""
    import gguf

    config = model.config
    kind = str(config.model_type)
    architecture = {value: key for key, value in gguf.MODEL_ARCH_NAMES.items()}[kind]
    table = gguf.get_tensor_name_map(architecture, LAYERS)
    writer = gguf.GGUFWriter(str(path), kind)
    writer.add_block_count(LAYERS)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    for name, weight in model.state_dict().items():
        values = weight.float()
        heads = {"q_proj.weight": HEADS, "k_proj.weight": config.num_key_value_heads}.get(
            ".".join(name.split(".")[-2:])
        )
        if kind == "llama" and heads:  # as llama.cpp's converter orders them
            values = values.reshape(heads, 2, -1, WIDTH).swapaxes(1, 2).reshape(values.shape)
        writer.add_tensor(table.get_name(f"model.{name}", try_suffixes=(".weight", ".bias")), values.numpy())
    writer.add_tensor("output.weight", model.get_input_embeddings().weight.detach().float().numpy())
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return path
