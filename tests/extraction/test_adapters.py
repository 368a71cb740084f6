"""Adapter folders as peft writes them, read over their base and compared with peft's own unmerged forward pass."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import AutoPeftModelForCausalLM, LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertModel,
    T5Config,
    T5ForConditionalGeneration,
)

from predictor.errors import RefusedError, W2SError
from predictor.extraction.check import check
from predictor.extraction.extractor import Extractor
from predictor.extraction.torch_weights import load_weights
from predictor.models.adapter import MERGED_KINDS
from predictor.models.convert import convert
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.prompt import LabelPrompt
from predictor.query.settings import Settings
from predictor.steps import drain
from tests.extraction.adapters import adapted, problem, settings_of
from tests.extraction.plain import one_by_one, relative_error
from tests.extraction.tiny import byte_level, language_model, metaspace
from tests.weights import SENTENCES

IDS = torch.tensor([[5, 9, 30, 77, 123]])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_model(tmp_path_factory.mktemp("lm") / "base")


def features(reference: str, cache: Path, **settings: Any) -> Any:
    settings = {"precision": "fp32", "layer": "last", **settings}
    (found,) = drain(Extractor(cache).features(read_spec(reference), Pool.of(SENTENCES), Settings(**settings)))
    return found


def by_peft(model: Any, base: Path, layer: int = 2) -> Any:
    """Features by peft, one row at a time."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    return one_by_one(model, [tokenizer(text)["input_ids"] or [1] for text in SENTENCES], layer, "mean")


def states(model: Any) -> Any:
    with torch.inference_mode():
        return model(input_ids=IDS, output_hidden_states=True).hidden_states[-1]


@pytest.mark.parametrize("kind", MERGED_KINDS)
def test_every_kind_is_what_peft_computes(kind: str, base: Path, tmp_path: Path) -> None:
    model = adapted(base, settings_of(kind, task_type="CAUSAL_LM"), tmp_path / "a")
    artefact = resolve(ModelReference.parse(str(tmp_path / "a")), tmp_path / "cache")
    found, wanted = states(load_weights(artefact, torch.float32)), states(model)
    assert float((found - wanted).norm() / wanted.norm()) < 1e-5
    plain = states(AutoModelForCausalLM.from_pretrained(base))
    assert float((plain - wanted).norm() / wanted.norm()) > 1e-3


@pytest.mark.parametrize(
    "settings",
    [
        {"use_dora": True},
        {"use_rslora": True, "rank_pattern": {"q_proj": 3}, "alpha_pattern": {"o_proj": 40}},
        {"init_lora_weights": "pissa"},
        {"target_modules": "all-linear", "bias": "all"},
        {"modules_to_save": ["lm_head", "embed_tokens"]},
        {"trainable_token_indices": {"embed_tokens": [4, 9]}},
        {"target_modules": r".*layers\.1\..*q_proj", "lora_dropout": 0.5},
        {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_lora_settings_are_followed(settings: dict[str, Any], base: Path, tmp_path: Path) -> None:
    """Rows go through batches, the tokenizer of the base and the store; layers below the last too."""
    model = adapted(base, settings_of("LORA", task_type="CAUSAL_LM", **settings), tmp_path / "a")
    for layer in (1, 2):
        found = features(f"{tmp_path / 'a'}#layer={layer}", tmp_path / "cache")
        assert relative_error(found.values, by_peft(model, base, layer)) < 1e-5
    assert any("merged into its base 'base'" in warning for warning in found.warnings)


def test_adapter_of_a_bare_encoder_has_no_task(tmp_path: Path) -> None:
    folder = tmp_path / "bert"
    size = byte_level(folder)
    config = BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    model = adapted(folder, LoraConfig(r=2, target_modules=["query"]), tmp_path / "a", "AutoModel")
    found = features(str(tmp_path / "a"), tmp_path / "cache")
    assert relative_error(found.values, by_peft(model, folder)) < 1e-5


def test_adapter_of_a_classifier_labels_rows_with_its_own_head(tmp_path: Path) -> None:
    """The base knows nothing of the three classes: the head is among the adapter's weights."""
    folder = tmp_path / "bert"
    size = byte_level(folder)
    config = BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    settings = LoraConfig(r=2, target_modules=["query"], task_type="SEQ_CLS")
    model = adapted(folder, settings, tmp_path / "a", "AutoModelForSequenceClassification", num_labels=3)
    spec = read_spec(f"{tmp_path / 'a'}#labels=logits")
    extractor = Extractor(tmp_path / "cache")
    found = drain(extractor.labels(spec, Pool.of(SENTENCES), Settings(precision="fp32")))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [torch.tensor([tokenizer(text)["input_ids"] or [1]]) for text in SENTENCES]
    with torch.inference_mode():
        wanted = torch.cat([model(input_ids=row).logits.softmax(-1) for row in rows]).numpy()
    np.testing.assert_allclose(found.values, wanted, atol=1e-5)
    values = features(str(tmp_path / "a"), tmp_path / "cache").values
    assert relative_error(values, by_peft(model, folder)) < 1e-5


def test_adapter_of_a_language_model_labels_rows_with_words(base: Path, tmp_path: Path) -> None:
    adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "a")
    merged = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "a").merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    shutil.copy(base / "tokenizer.json", tmp_path / "merged")
    settings = Settings(precision="fp32", label_prompt=LabelPrompt(("bad", "good"), "Review: {text}\nSentiment:"))
    one, other = (
        drain(
            Extractor(tmp_path / "c").labels(read_spec(f"{folder}#labels=words"), Pool.of(SENTENCES), settings)
        ).values
        for folder in (tmp_path / "a", tmp_path / "merged")
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_adapter_of_an_encoder_decoder(tmp_path: Path) -> None:
    folder = tmp_path / "t5"
    size = byte_level(folder)
    T5ForConditionalGeneration(
        T5Config(vocab_size=size, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, decoder_start_token_id=0)
    ).save_pretrained(folder)
    settings = LoraConfig(r=2, target_modules=["q", "v"], task_type="SEQ_2_SEQ_LM")
    model = adapted(folder, settings, tmp_path / "a", "AutoModelForSeq2SeqLM")
    found = features(str(tmp_path / "a"), tmp_path / "cache")
    assert relative_error(found.values, by_peft(model.get_encoder(), folder)) < 1e-5


def test_tokens_added_before_the_training_are_read(base: Path, tmp_path: Path) -> None:
    """A chat template's own tokens: the adapter has a larger table of embeddings, and its folder the tokenizer."""
    whole = AutoModelForCausalLM.from_pretrained(base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|user|>", "<|end|>"]})
    whole.resize_token_embeddings(len(tokenizer))
    model = get_peft_model(whole, settings_of("LORA", task_type="CAUSAL_LM", modules_to_save=["embed_tokens"]))
    model.save_pretrained(tmp_path / "a")
    tokenizer.save_pretrained(tmp_path / "a")
    found = drain(
        Extractor(tmp_path / "c").features(
            read_spec(str(tmp_path / "a")),
            Pool.of(("<|user|>good<|end|>", "bad")),
            Settings(precision="fp32", layer="last"),
        )
    )
    row = tokenizer("<|user|>good<|end|>")["input_ids"]
    assert max(row) >= whole.config.vocab_size - 2
    assert relative_error(found[0].values[:1], one_by_one(model.eval(), [row], 2, "mean")) < 1e-5


def test_adapter_over_an_adapter(base: Path, tmp_path: Path) -> None:
    """Preference tuning after fine-tuning: the second adapter names the first as its base."""
    adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "sft")
    first = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "sft").merge_and_unload()
    first.save_pretrained(tmp_path / "merged")
    model = adapted(tmp_path / "merged", settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "dpo")
    settings = tmp_path / "dpo" / "adapter_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "base_model_name_or_path": "../sft"}))
    found = features(str(tmp_path / "dpo"), tmp_path / "cache")
    assert relative_error(found.values, by_peft(model, base)) < 1e-5
    settings.write_text(
        json.dumps({**json.loads(settings.read_text()), "base_model_name_or_path": str(tmp_path / "dpo")})
    )
    assert "over more than 4 others, or over itself" in problem(tmp_path / "dpo", tmp_path / "cache")


def test_checkpoint_of_a_trainer_with_an_adapter(base: Path, tmp_path: Path) -> None:
    """Optimizer, scheduler and random states lie beside the weights; no pickle is opened."""
    adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "checkpoint-20")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
        (tmp_path / "checkpoint-20" / name).write_bytes(b"not a pickle")
    (tmp_path / "checkpoint-20" / "trainer_state.json").write_text("{}")
    assert check(str(tmp_path / "checkpoint-20"), tmp_path / "cache").usable


def test_pickled_adapter_weights_are_converted(base: Path, tmp_path: Path) -> None:
    model = adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "a")
    weights = tmp_path / "a" / "adapter_model.safetensors"
    torch.save(load_file(weights), tmp_path / "a" / "adapter_model.bin")
    weights.unlink()
    with pytest.raises(RefusedError, match=r"w2s models convert \S+/a"):
        resolve(ModelReference.parse(str(tmp_path / "a")), tmp_path / "cache")
    convert(tmp_path / "a", cache=tmp_path / "cache")
    found = features(str(tmp_path / "a"), tmp_path / "cache")
    assert relative_error(found.values, by_peft(model, base)) < 1e-5


def test_the_key_covers_settings_weights_and_base(base: Path, tmp_path: Path) -> None:
    """Another alpha, other adapter weights, another base: other features. A moved folder: the same."""
    own = shutil.copytree(base, tmp_path / "base")
    adapted(own, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "a")

    def digest() -> str:
        return resolve(ModelReference.parse(f"{tmp_path / 'a'}#base={own}"), tmp_path / "cache").weights_digest()

    found = [digest()]
    settings = tmp_path / "a" / "adapter_config.json"
    settings.write_text(settings.read_text().replace('"lora_alpha": 8', '"lora_alpha": 16'))
    found.append(digest())
    language_model(own, seed=5)
    found.append(digest())
    metaspace(tmp_path / "a")
    assert (
        resolve(ModelReference.parse(f"{tmp_path / 'a'}#base={own}"), None).tokenizer_files[0].parent == tmp_path / "a"
    )
    assert len(set(found)) == 3


def test_adapter_and_base_are_candidates_side_by_side(base: Path, tmp_path: Path) -> None:
    from predictor.api import rank

    adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "a")
    lost = tmp_path / "lost"
    shutil.copytree(tmp_path / "a", lost)
    settings = lost / "adapter_config.json"
    settings.write_text(settings.read_text().replace(str(base), "/scratch/gone"))
    rows = [f"{text} {number}" for number in range(4) for text in SENTENCES]
    try:
        answer = rank(
            strong=str(base), weak={"tuned": str(tmp_path / "a"), "base": str(base), "lost": str(lost)}, pool=rows
        )
    except W2SError as error:  # pragma: no cover - the message is what one wants to read here
        pytest.fail(error.message)
    errors = {candidate.name: candidate.error for candidate in answer.candidates}
    assert errors["tuned"] is None
    assert errors["base"] is None
    assert errors["lost"] is not None
    assert "#base=" in errors["lost"].message
