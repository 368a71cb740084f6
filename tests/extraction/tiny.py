"""Tiny real models with random weights, written as anybody's folders are: a language model and classifiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForSequenceClassification, LlamaConfig, LlamaForCausalLM
from transformers import LlamaForSequenceClassification as LlamaClassifier

from tests.weights import SENTENCES

CORPUS = [*SENTENCES, "negative positive", "Label: good", "not bad , not good", "N/A [MASK]", "Review: Sentiment:"] * 3
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
POSITIONS = 800


def byte_level(folder: Path) -> int:
    """A byte-level BPE as SmolLM2 has, without opening marker; returns the number of token ids."""
    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL, initial_alphabet=alphabet)
    return _trained(fast, trainer, folder)


def metaspace(folder: Path) -> int:
    """A tokenizer as Llama 2 has: a marker opens each text, and its first word is written with a blank before it."""
    fast = Tokenizer(models.BPE(unk_token="<unk>"))
    fast.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    fast.decoder = decoders.Metaspace()
    fast.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return _trained(fast, trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL), folder)


def _trained(fast: Any, trainer: Any, folder: Path) -> int:
    fast.train_from_iterator(CORPUS, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    fast.save(str(folder / "tokenizer.json"))
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **names}))
    return int(fast.get_vocab_size())


def language_model(folder: Path, tokenizer: Any = byte_level, seed: int = 0) -> Path:
    """A Llama of two layers whose head is large enough that words differ."""
    LlamaForCausalLM(_llama(tokenizer(folder), seed)).save_pretrained(folder)
    return folder


def decoder_classifier(folder: Path, *, pad: int | None = 0, seed: int = 0) -> Path:
    """A Llama with a head of three classes on its last token; with or without a padding id in its configuration."""
    config = _llama(byte_level(folder), seed)
    config.num_labels = 3
    config.pad_token_id = pad
    LlamaClassifier(config).save_pretrained(folder)
    return folder


def encoder_classifier(
    folder: Path, *, names: tuple[str, ...] = (), outputs: int = 2, problem: str | None = None
) -> Path:
    """A BERT with a classification head."""
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=byte_level(folder),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=POSITIONS,
        num_labels=outputs,
        problem_type=problem,
        initializer_range=0.5,
    )
    if names:
        config.id2label = dict(enumerate(names))
        config.label2id = {name: i for i, name in enumerate(names)}
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def _llama(vocabulary: int, seed: int) -> LlamaConfig:
    torch.manual_seed(seed)
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
