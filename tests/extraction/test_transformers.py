"""Real and tiny transformers models against a plain forward pass."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel, BigBirdConfig, BigBirdModel, GPT2Config, GPT2Model, T5Config, T5Model

from predictor.errors import RefusedError
from predictor.extraction.backend import LayerPooling, Runtime
from predictor.extraction.extractor import Extractor
from predictor.extraction.loaded import LoadedModel, load_model
from predictor.models.artefact import Artefact
from predictor.models.forms import TRANSFORMERS
from predictor.models.tokenizer_files import SMILES_SPECIFICATION
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.row_form import RowForm
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from tests import weights
from tests.extraction.plain import load, one_by_one, relative_error

RUNTIME = Runtime("fp32", "cpu", 1)
CHARACTERS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *"CNOScnos()=#123456[]+-@H",
    "Cl",
    "Br",
    "[nH]",
    "[C@H]",
    "[Na+]",
    "[Cl-]",
]
SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}


def extract(reference: str, texts: tuple[str, ...], extractor: Extractor, **settings: object) -> tuple[FeatureSet, ...]:
    settings.setdefault("precision", "fp32")  # numbers here are compared exactly
    return drain(extractor.features(read_spec(reference), Pool.of(texts), Settings(**settings)))  # type: ignore[arg-type]


def tiny(folder: Path, model: torch.nn.Module) -> Path:
    """A randomly initialised model with a SMILES tokenizer."""
    model.save_pretrained(folder)  # type: ignore[operator]
    (folder / "vocab.txt").write_text("\n".join(CHARACTERS) + "\n")
    (folder / "w2s_tokenizer.json").write_text(json.dumps(SMILES_SPECIFICATION))
    return folder


def ids_of(model: LoadedModel, texts: tuple[str, ...]) -> list[list[int]]:
    return [row.tolist() for row in model.tokenize(texts, RowForm(256)).rows]


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return tiny(tmp_path_factory.mktemp("bert"), BertModel(BertConfig(vocab_size=len(CHARACTERS), **SIZES)))


@pytest.mark.weights
@pytest.mark.parametrize("reference", [weights.MINILM, weights.MPNET], ids=["minilm", "mpnet"])
def test_an_encoder_gives_what_a_plain_forward_pass_gives(reference: str, tmp_path: Path) -> None:
    folder = weights.artefact(reference).path
    extractor = Extractor(tmp_path, token_budget=64)
    model, tokenizer = load(folder)
    rows = [tokenizer(text)["input_ids"] for text in weights.SENTENCES]
    depth = model.config.num_hidden_layers
    for how in ("mean", "last", "cls") if reference == weights.MINILM else ("mean",):
        found = extract(f"{folder}#layer=0,middle,last&pooling={how}", weights.SENTENCES, extractor)
        assert [one.layer for one in found] == ["0", str(depth // 2), str(depth)]
        assert [one.depth for one in found] == [0.0, 0.5, 1.0]
        for one in found:
            plain = one_by_one(model, rows, int(one.layer), how)
            if one.layer == str(depth) and how == "mean":  # what the folder's own pipeline ends with
                plain /= np.linalg.norm(plain, axis=1, keepdims=True)
            assert relative_error(one.values, plain) < 1e-5
            assert one.parameters == sum(p.numel() for p in model.parameters())
    assert extractor.forward_passes > 1


@pytest.mark.weights
def test_a_gguf_decoder_gives_what_a_plain_forward_pass_gives(tmp_path: Path) -> None:
    loaded = load_model(weights.artefact(weights.SMOLLM2), RUNTIME)
    assert (loaded.facts.layers, loaded.facts.width, loaded.facts.batching) == (30, 576, "padded")
    texts = weights.SENTENCES[:5]
    rows = ids_of(loaded, texts)
    assert all(rows)
    plain = loaded.backend.model  # type: ignore[attr-defined]
    for how in ("mean", "last"):
        for budget in (1000, 20):
            from predictor.extraction.forward import run_passes

            arrays = [np.array(row) for row in rows]
            outputs = tuple(LayerPooling(layer, how) for layer in (0, 15, 30))
            found = drain(run_passes(loaded, arrays, outputs, budget))  # type: ignore[arg-type]
            for output in outputs:
                assert relative_error(found[output], one_by_one(plain, rows, *output)) < 1e-5  # type: ignore[index]


@pytest.mark.weights
@pytest.mark.parametrize("reference", [weights.RXNFP, weights.RXNMAPPER], ids=["bert", "albert"])
def test_converted_molecule_models_give_what_a_plain_forward_pass_gives(reference: str, tmp_path: Path) -> None:
    folder = Path(weights.converted_folder(reference))
    from transformers import AutoModel

    model = AutoModel.from_pretrained(str(folder)).eval()
    rows = ids_of(load_model(Artefact(TRANSFORMERS, folder), RUNTIME), weights.SMILES)
    assert rows[0] == [12, 16, 16, 19, 13]
    for one in extract(f"{folder}#layer=0,6,12", weights.SMILES, Extractor(tmp_path)):
        assert relative_error(one.values, one_by_one(model, rows, int(one.layer), "mean")) < 1e-5


def test_of_an_encoder_decoder_the_encoder_is_read(tmp_path: Path) -> None:
    torch.manual_seed(1)
    whole = T5Model(
        T5Config(
            vocab_size=len(CHARACTERS), d_model=16, d_kv=8, d_ff=24, num_layers=3, num_decoder_layers=1, num_heads=2
        )
    ).eval()
    folder = tiny(tmp_path / "t5", whole)
    rows = ids_of(load_model(Artefact(TRANSFORMERS, folder), RUNTIME), weights.SMILES)
    for how in ("mean", "last"):
        for one in extract(f"{folder}#layer=0,1,2,3&pooling={how}", weights.SMILES, Extractor(tmp_path / how)):
            assert relative_error(one.values, one_by_one(whole.encoder, rows, int(one.layer), how)) < 1e-5
            assert one.parameters == sum(p.numel() for p in whole.encoder.parameters())


def test_a_decoder_reads_the_last_token_and_not_the_padding(tmp_path: Path) -> None:
    torch.manual_seed(2)
    model = GPT2Model(GPT2Config(vocab_size=len(CHARACTERS), n_embd=16, n_layer=4, n_head=2, n_positions=64)).eval()
    folder = tiny(tmp_path / "gpt2", model)
    rows = ids_of(load_model(Artefact(TRANSFORMERS, folder), RUNTIME), weights.SMILES)
    for one in extract(f"{folder}#layer=0,2,4&pooling=last", weights.SMILES, Extractor(tmp_path, token_budget=10_000)):
        assert relative_error(one.values, one_by_one(model, rows, int(one.layer), "last")) < 1e-5


def test_rows_longer_than_the_model_takes_are_cut_and_counted(tmp_path: Path) -> None:
    config = GPT2Config(vocab_size=len(CHARACTERS), n_embd=16, n_layer=1, n_head=2, n_positions=6)
    folder = tiny(tmp_path / "gpt2", GPT2Model(config))
    (one,) = extract(str(folder), ("CCCCCCCC", "CCO", "C" * 300), Extractor(tmp_path))
    assert one.truncated_rows == 2
    (shorter,) = extract(str(folder), ("CCCCCCCC", "CCO", "C" * 300), Extractor(tmp_path), max_length=4)
    assert shorter.truncated_rows == 3
    assert shorter.fingerprint != one.fingerprint


def test_the_middle_layer_stops_the_pass_halfway(tiny_bert: Path) -> None:
    loaded = load_model(Artefact(TRANSFORMERS, tiny_bert), RUNTIME)
    calls: list[int] = []
    for number, block in enumerate(loaded.backend.model.encoder.layer):  # type: ignore[attr-defined]
        block.register_forward_hook(lambda *_, number=number: calls.append(number))
    ids = np.array([[2, 4, 5, 3]])
    loaded.backend.forward(ids, np.ones_like(ids), (LayerPooling(2, "mean"),))
    assert calls == [0, 1]


def test_missing_weights_are_not_replaced_by_random_ones(tiny_bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "torn"
    shutil.copytree(tiny_bert, folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        RefusedError, match=r"lacks 1 weight tensor.*encoder\.layer\.1\.output\.dense\.weight.*be random"
    ):
        extract(str(folder), weights.SMILES, Extractor(tmp_path / "cache"))


def test_weights_of_another_shape_than_the_config_reports_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(tiny_bert, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))
    with pytest.raises(RefusedError, match=r"have another shape .* is \(.*\) instead of \(.*48"):
        extract(str(folder), weights.SMILES, Extractor(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "my_own", "auto_map": {"AutoModel": "evil.Model"}}, "which is never run"),
        ({"model_type": "vit"}, "has model_type 'vit', which is not one of the"),
    ],
)
def test_other_architectures_and_their_code_are_refused(
    tiny_bert: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    folder = tmp_path / "own"
    shutil.copytree(tiny_bert, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    (folder / "evil.py").write_text("raise SystemExit('code of a model was run')")
    with pytest.raises(RefusedError, match=message):
        extract(str(folder), weights.SMILES, Extractor(tmp_path / "cache"))


def test_torn_weights_are_this_models_own_error(tiny_bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "torn"
    shutil.copytree(tiny_bert, folder)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RefusedError, match="cannot be loaded"):
        extract(str(folder), weights.SMILES, Extractor(tmp_path / "cache"))


def test_a_tokenizer_with_more_ids_than_the_model_is_reported(tiny_bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    shutil.copytree(tiny_bert, folder)
    vocabulary = (folder / "vocab.txt").read_text().replace("[PAD]\n", "[PAD]\n" + "x\n" * 50)
    (folder / "vocab.txt").write_text(vocabulary)
    with pytest.raises(RefusedError, match=r"the tokenizer gives token id \d+, the model knows 0 to"):
        extract(str(folder), weights.SMILES, Extractor(tmp_path / "cache"))


def test_weights_that_give_nan_name_row_and_layer(tiny_bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nan"
    shutil.copytree(tiny_bert, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["embeddings.word_embeddings.weight"][CHARACTERS.index("Br")] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RefusedError, match=r"the model gives nan at layer 2 for pool row 6 \(counting from 0\)"):
        extract(str(folder), weights.SMILES, Extractor(tmp_path / "cache"))


@pytest.mark.parametrize(
    "change",
    [
        {"attn_implementation": "flash_attention_2"},
        {"_attn_implementation": "flash_attention_3"},
        {"_attn_implementation_internal": "kernels-community/flash-attn3"},
        {"attn_implementation": "flex_attention", "_experts_implementation": "grouped_mm"},
        {"attn_implementation": "no such kernel"},
    ],
)
def test_kernels_named_in_a_config_are_not_used(tiny_bert: Path, tmp_path: Path, change: dict[str, object]) -> None:
    """A folder saved on another machine gives the same features, and no hub is asked for a kernel's code."""
    folder = tmp_path / "kernels"
    shutil.copytree(tiny_bert, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    (plain,) = extract(str(tiny_bert), weights.SMILES, Extractor(tmp_path / "cache"))
    (found,) = extract(str(folder), weights.SMILES, Extractor(tmp_path / "cache"))
    np.testing.assert_array_equal(found.values, plain.values)


def test_block_sparse_attention_is_used_for_long_rows(tmp_path: Path) -> None:
    """BigBird turns to full attention for good at its first short batch; each row gets what it gets alone."""
    torch.manual_seed(3)
    config = BigBirdConfig(
        vocab_size=len(CHARACTERS), max_position_embeddings=256, block_size=8, num_random_blocks=1, **SIZES
    )
    folder = tiny(tmp_path / "bird", BigBirdModel(config))
    texts = ("CCO" * 40, "CC(=O)O", "c1ccccc1" * 9, "CCO" * 41, "N" * 100)
    rows = ids_of(load_model(Artefact(TRANSFORMERS, folder), RUNTIME), texts)
    for layer in (1, 2, 3):
        (found,) = extract(f"{folder}#layer={layer}", texts, Extractor(tmp_path / f"cache{layer}"))
        assert any("equal length" in warning for warning in found.warnings)
        for values, row in zip(found.values, rows, strict=True):
            plain = BigBirdModel.from_pretrained(folder).eval()
            with torch.inference_mode():
                states = plain(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states
            wanted = states[layer][0, : len(row)].mean(0).numpy()
            assert relative_error(values[None], wanted[None]) < 1e-5
