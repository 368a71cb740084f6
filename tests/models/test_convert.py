"""Pickled weights become readable, once, and say where they came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from predictor.errors import InputError, NotFoundError, RefusedError
from predictor.extraction.check import check
from predictor.models.artefact import source_digest
from predictor.models.convert import clean_config, convert
from predictor.models.resolve import locate, resolve
from predictor.query.model_reference import ModelReference
from tests import weights


def pickled(folder: Path, state: object, config: dict[str, object]) -> Path:
    folder.mkdir()
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_tensors_survive_and_shared_memory_is_parted(tmp_path: Path) -> None:
    table = torch.arange(12.0).reshape(3, 4)
    state = {
        "bert.embeddings.word_embeddings.weight": table,
        "cls.decoder.weight": table,
        "turned": table.t(),
        "bert.encoder.LayerNorm.gamma": torch.ones(4),
        "step": 7,
    }
    source = pickled(tmp_path / "in", {"state_dict": state}, {"architectures": ["BertForMaskedLM"]})
    out = convert(source, tmp_path / "out", cache=tmp_path)
    tensors = load_file(out / "model.safetensors")
    assert sorted(tensors) == sorted(
        ["bert.embeddings.word_embeddings.weight", "cls.decoder.weight", "turned", "bert.encoder.LayerNorm.weight"]
    )
    assert torch.equal(tensors["turned"], table.t())
    assert torch.equal(tensors["cls.decoder.weight"], table)


def test_the_note_names_source_digests_and_versions_but_no_path(tmp_path: Path) -> None:
    source = pickled(tmp_path / "in", {"a": torch.ones(2)}, {"model_type": "bert"})
    note = json.loads((convert(source, tmp_path / "out", cache=tmp_path) / "provenance.json").read_text())
    assert note["source"] == "in"
    assert set(note["source_sha256"]) == {"pytorch_model.bin"}
    assert note["versions"]["torch"] == torch.__version__
    assert str(tmp_path) not in json.dumps(note)


class Opens:
    """A pickle that writes a file when it is loaded without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.target), "w"))


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    source = pickled(tmp_path / "in", {"a": Opens(proof)}, {"model_type": "bert"})
    with pytest.raises(RefusedError, match=r"cannot be converted: UnpicklingError.*contains more than tensors"):
        convert(source, tmp_path / "out", cache=tmp_path)
    assert not proof.exists()
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".convert-*"))


def test_keys_that_name_code_are_dropped() -> None:
    config = {"model_type": "bert", "auto_map": {"AutoModel": "x.Y"}, "custom_pipelines": {}, "hidden_size": 8}
    assert clean_config(config, [], "m") == {"model_type": "bert", "hidden_size": 8}


@pytest.mark.parametrize(
    ("config", "tensors", "kind"),
    [
        ({"architectures": ["BertForMaskedLM"]}, [], "bert"),
        ({"architectures": ["XLMRobertaModel"]}, [], "xlm-roberta"),
        ({}, ["roberta.encoder.layer.0.x"], "roberta"),
        ({}, ["encoder.layer.0.attention.self.query.weight"], "bert"),
    ],
)
def test_a_missing_model_type_is_reported_from_what_is_there(
    config: dict[str, object], tensors: list[str], kind: str
) -> None:
    assert clean_config(config, tensors, "m")["model_type"] == kind


def test_a_model_type_that_nothing_tells_is_asked_for() -> None:
    with pytest.raises(RefusedError, match=r"has no model_type in config\.json and its tensors do not determine it"):
        clean_config({}, ["weights.0"], "m")


def test_what_cannot_be_converted_is_explained(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="is no folder with pickled weights"):
        convert(tmp_path / "empty", tmp_path / "out", cache=tmp_path)
    source = pickled(tmp_path / "in", {"a": torch.ones(2)}, {"model_type": "bert"})
    with pytest.raises(InputError, match=r"has no vocab\.txt, which the SMILES tokenizer needs"):
        convert(source, tmp_path / "out", tokenizer="smiles", cache=tmp_path)
    convert(source, tmp_path / "out", cache=tmp_path)
    with pytest.raises(InputError, match="already contains a model; name another folder"):
        convert(source, tmp_path / "out", cache=tmp_path)


def test_without_a_destination_the_source_itself_works_from_then_on(tmp_path: Path) -> None:
    source = pickled(tmp_path / "in", {"a": torch.ones(2)}, {"model_type": "bert"})
    reference = ModelReference.parse(str(source))
    with pytest.raises(RefusedError, match="w2s models convert"):
        resolve(reference, tmp_path / "cache")
    out = convert(source, cache=tmp_path / "cache")
    assert out == tmp_path / "cache" / "converted" / source_digest(source)
    assert resolve(reference, tmp_path / "cache").path == out
    torch.save({"a": torch.zeros(2)}, source / "pytorch_model.bin")
    with pytest.raises(RefusedError, match="w2s models convert"):
        resolve(reference, tmp_path / "cache")


@pytest.mark.weights
def test_a_real_reaction_model_keeps_every_weight_and_loads(weights_cache: Path) -> None:
    folder = Path(weights.converted_folder(weights.RXNFP_PRETRAINED))
    source, _ = locate(ModelReference.parse(weights.RXNFP_PRETRAINED), weights_cache)
    original = torch.load(source / "pytorch_model.bin", weights_only=True, map_location="cpu")
    tensors = load_file(folder / "model.safetensors")
    assert len(tensors) == len(original)
    assert all(
        torch.equal(
            tensors[name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")],
            value,
        )
        for name, value in original.items()
    )
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"
    report = check(str(folder), weights_cache)
    assert (report.problems, report.layers, report.width, report.tokenizer) == ((), 12, 256, "regex")
