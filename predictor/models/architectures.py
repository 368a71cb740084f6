"""Architectures: the model types whose loading and mask handling we rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from predictor.errors import RefusedError

ENCODERS = (
    "albert", "bert", "big_bird", "camembert", "convbert", "deberta", "deberta-v2", "distilbert", "electra", "ernie",
    "esm", "fnet", "ibert", "layoutlm", "longformer", "megatron-bert", "mobilebert", "modernbert", "mpnet", "mra",
    "nomic_bert", "nystromformer", "rembert", "roberta", "roberta-prelayernorm", "roformer", "squeezebert",
    "xlm", "xlm-roberta", "xlm-roberta-xl", "xmod", "yoso",
)  # fmt: skip
DECODERS = (
    "biogpt", "bloom", "codegen", "cohere", "cohere2", "falcon", "gemma", "gemma2", "gemma3_text", "glm", "glm4",
    "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "granite", "helium", "llama", "mistral", "mixtral", "mpt",
    "nemotron", "olmo", "olmo2", "olmo3", "openai-gpt", "opt", "persimmon", "phi", "phi3", "phimoe", "qwen2",
    "qwen2_moe", "qwen3", "qwen3_moe", "smollm3", "stablelm", "starcoder2", "xglm",
)  # fmt: skip
ENCODER_DECODERS = (
    "bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "led", "longt5", "m2m_100", "marian", "mbart", "mt5",
    "mvp", "nllb-moe", "pegasus", "pegasus_x", "plbart", "prophetnet", "switch_transformers", "t5", "umt5",
)  # fmt: skip

KNOWN = frozenset((*ENCODERS, *DECODERS, *ENCODER_DECODERS))

OFFSET_POSITIONS = frozenset(
    ("camembert", "ibert", "longformer", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl",
     "xmod")
)  # fmt: skip
"""Types whose positions start behind the padding id, so that two of `max_position_embeddings` are never used."""

CODE_KEYS = ("auto_map", "custom_pipelines", "trust_remote_code")
"""Configuration keys that name code to run."""

KERNEL_KEYS = (
    "attn_implementation", "attn_implementation_internal", "attn_implementation_autoset", "experts_implementation",
    "experts_implementation_internal", "flash_attn", "flash_attn_2_enabled", "use_flash_attn", "use_flash_attention",
    "use_flash_attention_2", "use_kernels", "use_mamba_kernels", "use_memory_efficient_attention", "reference_compile",
)  # fmt: skip
"""Configuration keys, underscores in front apart, that choose kernels and not results."""


def check_architecture(config: dict[str, Any], folder: Path) -> str:
    """The model type, where it is one of ours and brings no code.

    Raises:
        RefusedError: another type, or one that only its own code could load.
    """
    kind = str(config.get("model_type", ""))
    if kind in KNOWN:
        return kind
    own = " It brings its own code, which is never run." if any(key in config for key in CODE_KEYS) else ""
    raise RefusedError(
        f"{folder} has model_type {kind!r}, which is not one of the {len(KNOWN)} text architectures that are read "
        f"({', '.join(sorted(KNOWN)[:6])} …).{own} Export it to ONNX and give onnx:FILE, or extract its features "
        "elsewhere and give array:FILE.",
        reason="ARCHITECTURE_REFUSED",
        field="model",
    )


def usable_positions(config: dict[str, Any]) -> int | None:
    """Longest row that the position embeddings allow, or None where nothing bounds it."""
    for key in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"):
        value = config.get(key)
        if isinstance(value, int) and value > 0:
            return value - 2 if config.get("model_type") in OFFSET_POSITIONS else value
    return None
