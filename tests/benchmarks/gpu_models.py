"""Models for the GPU benchmark: the shapes of known ones with random weights, and rows of very different length."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

from predictor.errors import W2SError
from predictor.folders import cache_dir
from predictor.models.artefact import Artefact
from predictor.models.known_models import find
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from tests.extraction.tiny import byte_level
from tests.weights import SENTENCES

MAX_TOKENS = 512


@dataclass(frozen=True)
class Shape:
    """A transformer.

    Attributes:
        decoder: a Llama instead of a BERT.
        rows: that it reads in the benchmark.
    """

    name: str
    decoder: bool
    layers: int
    width: int
    heads: int
    inner: int
    rows: int


FULL = (
    Shape("encoder 6 × 384 (MiniLM's shape)", False, 6, 384, 12, 1536, 8192),
    Shape("encoder 12 × 768 (mpnet's shape)", False, 12, 768, 12, 3072, 4096),
    Shape("decoder 16 × 2,048 (1 B)", True, 16, 2048, 32, 8192, 1024),
)
SMALL = (
    Shape("encoder 2 × 32", False, 2, 32, 2, 64, 48),
    Shape("encoder 3 × 48", False, 3, 48, 4, 96, 40),
    Shape("decoder 2 × 64", True, 2, 64, 4, 128, 32),
)


def built(shape: Shape, place: Path) -> Path:
    """A folder with the model, as anybody's is."""
    folder = place / shape.name.partition(" (")[0].replace(" ", "-")
    size = byte_level(folder)
    torch.manual_seed(0)
    if shape.decoder:
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=size,
                hidden_size=shape.width,
                num_hidden_layers=shape.layers,
                num_attention_heads=shape.heads,
                num_key_value_heads=max(1, shape.heads // 4),
                intermediate_size=shape.inner,
                max_position_embeddings=MAX_TOKENS,
                tie_word_embeddings=True,
            )
        ).save_pretrained(folder)
        return folder
    BertModel(
        BertConfig(
            vocab_size=size,
            hidden_size=shape.width,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            intermediate_size=shape.inner,
            max_position_embeddings=MAX_TOKENS,
        )
    ).save_pretrained(folder)
    return folder


def known() -> Artefact | None:
    """MiniLM with its own weights where it is in the cache; nothing is fetched."""
    try:
        with mock.patch.dict(os.environ, {"W2S_OFFLINE": "1"}):
            return resolve(ModelReference.parse(find("all-MiniLM-L6-v2").reference), cache_dir())
    except W2SError:
        return None


def texts_of(rows: int) -> list[str]:
    """Rows of 1 to 40 sentences, most of them short: lengths as wide as those of reviews."""
    rng = np.random.default_rng(0)
    counts = np.minimum(np.maximum(rng.lognormal(1.0, 1.0, rows).astype(int), 1), 40)
    return [" ".join(SENTENCES[i] for i in rng.integers(len(SENTENCES), size=count)) for count in counts]
