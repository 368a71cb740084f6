"""Sentence-transformers folders: what they declare beside the transformer is followed, or said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from predictor.extraction.check import check
from predictor.extraction.extractor import Extractor
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from tests import weights
from tests.extraction.plain import relative_error
from tests.extraction.tiny import metaspace

TEXTS = weights.SENTENCES
KIND = "sentence_transformers.models."


def encoder(
    folder: Path,
    *,
    inside: str = "",
    pooling: dict[str, Any] | None = None,
    dense: str = "",
    normalize: bool = False,
    prompt: str = "",
    limit: int | None = None,
    lower: bool = False,
) -> Path:
    """A folder as sentence-transformers writes it."""
    torch.manual_seed(0)
    place = folder / inside
    vocabulary = metaspace(place)
    BertModel(
        BertConfig(
            vocab_size=vocabulary,
            hidden_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=24,
            initializer_range=0.3,
        )
    ).save_pretrained(place)
    modules = [("Transformer", inside), ("Pooling", "1_Pooling")]
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 16, **(pooling or {"pooling_mode_mean_tokens": True})})
    )
    if dense:
        modules.append(("Dense", "2_Dense"))
        (folder / "2_Dense").mkdir()
        save_file(
            {"linear.weight": torch.randn(5, 16), "linear.bias": torch.randn(5)}, folder / "2_Dense/model.safetensors"
        )
        activation = f"torch.nn.modules.activation.{dense}"
        dimensions = {"in_features": 16, "out_features": 5, "bias": True, "activation_function": activation}
        (folder / "2_Dense" / "config.json").write_text(json.dumps(dimensions))
    if normalize:
        modules.append(("Normalize", "3_Normalize"))
    written = [{"idx": i, "name": str(i), "path": path, "type": KIND + kind} for i, (kind, path) in enumerate(modules)]
    (folder / "modules.json").write_text(json.dumps(written))
    if prompt:
        prompts = {"prompts": {"query": prompt, "passage": "passage: "}, "default_prompt_name": "query"}
        (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    (place / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": limit, "do_lower_case": lower}))
    return folder


def extract(reference: str, cache: Path, **settings: Any) -> FeatureSet:
    found = Extractor(cache).features(read_spec(reference), Pool.of(TEXTS), Settings(precision="fp32", **settings))
    (one,) = drain(found)
    return one


def embeddings(folder: Path) -> np.ndarray:
    """sentence-transformers' own `encode`."""
    library = pytest.importorskip("sentence_transformers")
    found: np.ndarray = library.SentenceTransformer(str(folder), device="cpu").encode(list(TEXTS))
    return found


def plain(folder: Path, texts: tuple[str, ...], how: str, limit: int = 256) -> np.ndarray:
    """Pooled last layer of each row alone, by transformers."""
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        with torch.inference_mode():
            state = model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=limit)).last_hidden_state[
                0
            ]
        rows.append({"mean": state.mean(0), "cls": state[0], "last": state[-1]}[how].numpy())
    return np.array(rows)


LAYOUTS: dict[str, dict[str, Any]] = {
    "mean": {},
    "cls": {"pooling": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}},
    "lasttoken": {"pooling": {"pooling_mode": "lasttoken"}},
    "prompt": {"prompt": "query: "},
    "short": {"limit": 6},
    "normalize": {"normalize": True},
    "dense": {"dense": "Tanh"},
    "linear": {"dense": "ReLU", "normalize": True},
    "one folder deeper": {"inside": "0_Transformer", "dense": "Sigmoid", "prompt": "q: ", "limit": 8},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_last_layer_gives_what_encode_gives(tmp_path: Path, layout: dict[str, Any]) -> None:
    """Pooling, Dense, Normalize, prompt and length of the folder, to 1e-5 of the library's own embeddings."""
    folder = encoder(tmp_path / "st", **layout)
    found = extract(f"{folder}#layer=last", tmp_path / "cache")
    assert relative_error(found.values, embeddings(folder)) < 1e-5


def test_modules_are_applied_as_written(tmp_path: Path) -> None:
    """The same without the library: prompt, eight tokens, cls, tanh(W x + b), length 1."""
    layout = {"dense": "Tanh", "normalize": True, "prompt": "query: ", "limit": 8, **LAYOUTS["cls"]}
    folder = encoder(tmp_path / "st", **layout)
    from safetensors.numpy import load_file

    tensors = load_file(folder / "2_Dense/model.safetensors")
    pooled = plain(folder, tuple("query: " + text for text in TEXTS), "cls", 8)
    wanted = np.tanh(pooled @ tensors["linear.weight"].T + tensors["linear.bias"])
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    found = extract(f"{folder}#layer=last", tmp_path / "cache")
    assert relative_error(found.values, wanted) < 1e-5
    assert (found.length_limit, found.dim) == (8, 5)
    assert found.truncated_rows > 0
    stated = " ".join(found.warnings)
    for part in ("cls pooling", "'query: '", "at most 8 tokens", "Dense and Normalize", "layer=last"):
        assert part in stated
    assert check(str(folder), tmp_path / "cache").notes == found.warnings


def test_pooling_of_the_user_wins_and_middle_layers_have_no_modules(tmp_path: Path) -> None:
    """Dense and Normalize are fitted to the last layer in the declared pooling, and to nothing else."""
    folder = encoder(tmp_path / "st", dense="Tanh", **LAYOUTS["cls"])
    for reference, settings in (
        (f"{folder}#layer=last&pooling=last", {}),
        (f"{folder}#layer=last", {"pooling": "last"}),
    ):
        found = extract(reference, tmp_path / "cache", **settings)
        assert relative_error(found.values, plain(folder, TEXTS, "last")) < 1e-5
    assert extract(f"{folder}#layer=1", tmp_path / "cache").dim == 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"pooling": {"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": False}},
            "max pooling, which is not",
        ),
        ({"pooling": {"pooling_mode": ["mean", "max"]}}, r"mean \+ max pooling"),
        ({"pooling": {"pooling_mode_mean_tokens": True, "include_prompt": False}}, "leaves the prompt out"),
        ({"dense": "GELU"}, "declares Dense in 2_Dense, which is not read"),
    ],
)
def test_modules_that_are_not_read_are_reported(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = encoder(tmp_path / "st", **change)
    found = extract(f"{folder}#layer=last", tmp_path / "cache")
    assert found.dim == 16
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(found.warnings)


@pytest.mark.parametrize(
    "name",
    ["1_Pooling/config.json", "2_Dense/model.safetensors", "config_sentence_transformers.json", "modules.json",
     "sentence_bert_config.json"],
)  # fmt: skip
def test_features_are_keyed_by_every_module(tmp_path: Path, name: str) -> None:
    """A changed module makes another fingerprint, so that stored features are not given for it."""
    from predictor.models.artefact import classify

    folder = encoder(tmp_path / "st", dense="Tanh", prompt="query: ", normalize=True)
    before = classify(folder, as_given="m").weights_digest()
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    assert classify(folder, as_given="m").weights_digest() != before


def test_modules_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    """A path in modules.json names a folder directly inside."""
    outside = tmp_path / "2_Dense"
    outside.mkdir()
    save_file({"linear.weight": torch.randn(5, 16)}, outside / "model.safetensors")
    folder = encoder(tmp_path / "st")
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": 2, "name": "2", "path": "../2_Dense", "type": KIND + "Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))
    assert extract(f"{folder}#layer=last", tmp_path / "cache").dim == 16


def test_modules_beside_converted_weights_are_followed(tmp_path: Path) -> None:
    """Older folders keep the transformer as a pickle; what surrounds it is read from where it was."""
    from safetensors.torch import load_file

    from predictor.models.convert import convert

    folder = encoder(tmp_path / "st", dense="Tanh", **LAYOUTS["cls"])
    wanted = extract(f"{folder}#layer=last", tmp_path / "plain").values
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    convert(folder, cache=tmp_path / "cache")
    assert relative_error(extract(f"{folder}#layer=last", tmp_path / "cache").values, wanted) < 1e-6
