"""A tiny BERT with random weights over SMILES, and rows whose label its tokens decide."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel

from predictor.models.tokenizer_files import SMILES_SPECIFICATION
from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *"CNOS()=#123")
SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}


def tiny_bert(folder: Path, **config: object) -> Path:
    """Its folder, with a tokenizer; the same weights every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=32, **SIZES, **config))
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    (folder / "w2s_tokenizer.json").write_text(json.dumps(SMILES_SPECIFICATION))
    return folder


def rows(count: int) -> tuple[list[str], np.ndarray]:
    """Strings of 3 to 12 atoms, and the share of oxygens in each, standardised, (count, 1)."""
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("CNO"), size=rng.integers(3, 13))) for _ in range(count)]
    shares = np.array([[text.count("O") / len(text)] for text in texts])
    return texts, (shares - shares.mean()) / shares.std()


def spec(folder: Path) -> ModelSpec:
    return ModelSpec("student", str(folder))


SETTINGS = Settings()
