"""Folders and files that are no model as they are: the refusal names what to type, and that works."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from predictor.errors import InputError, RefusedError
from predictor.extraction.check import check
from predictor.models.artefact import classify
from predictor.models.convert import convert
from tests.extraction.tiny import encoder_classifier, language_model, metaspace

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 437971872\n"


def problem(reference: str | Path, cache: Path) -> str:
    (found,) = check(str(reference), cache).problems
    return found


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json", "spm.model"])
def test_lfs_pointers_in_a_folder_are_refused(tmp_path: Path, name: str) -> None:
    folder = encoder_classifier(tmp_path / "m")
    (folder / name).write_text(POINTER)
    assert re.search(rf"{name} in .* are git-lfs pointers .*git lfs pull", problem(folder, tmp_path / "cache"))


@pytest.mark.parametrize("name", ["x.gguf", "x.onnx", "x.npy", "x.safetensors", "x.bin"])
def test_lfs_pointers_as_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(POINTER)
    assert "git lfs pull" in problem(tmp_path / name, tmp_path / "cache")


@pytest.mark.parametrize(
    "below",
    ["final", "models--o--n/snapshots/" + "a" * 40, "0_Transformer", "best/model", "checkpoint-9/adapter"],
)
def test_folder_above_a_model_names_it(tmp_path: Path, below: str) -> None:
    """A trainer's output, a hub cache entry, and other folders with one model below."""
    top = tmp_path / "run"
    encoder_classifier(top / below)
    if "adapter" in below:
        (top / below / "adapter_config.json").write_text("{}")
        (top / below / "model.safetensors").rename(top / below / "adapter_model.safetensors")
    message = problem(top, tmp_path / "cache")
    assert f"the model is in a folder inside: give {top}/{below}" in message


def test_folder_of_checkpoints_lists_them(tmp_path: Path) -> None:
    one = encoder_classifier(tmp_path / "run" / "checkpoint-1")
    for number in (2, 3):
        shutil.copytree(one, tmp_path / "run" / f"checkpoint-{number}")
    message = problem(tmp_path / "run", tmp_path / "cache")
    assert (
        f"as a candidate {tmp_path}/run is each of 3 checkpoint(s); one alone is {tmp_path}/run/checkpoint-" in message
    )
    message = problem(tmp_path, tmp_path / "cache")
    assert f"as a candidate {tmp_path}/run is each of 3" in message
    for number in (1, 2, 3):
        (tmp_path / "run" / f"checkpoint-{number}").rename(tmp_path / "run" / f"seed{number}")
    message = problem(tmp_path / "run", tmp_path / "cache")
    assert "3 folders inside contain one: give one of" in message
    assert all(f"run/seed{number}" in message for number in (1, 2, 3))


@pytest.mark.parametrize("config_beside", [False, True])
def test_adapter_is_read_over_its_base(tmp_path: Path, config_beside: bool) -> None:
    """Also where config.json lies beside it, with which transformers would fetch the base by itself."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base, folder = language_model(tmp_path / "base"), tmp_path / "lora"
    adapted = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    )
    adapted.save_pretrained(folder)
    metaspace(folder)
    if config_beside:
        shutil.copy(base / "config.json", folder)
    assert check(str(folder), tmp_path / "cache").usable
    (folder / "adapter_model.safetensors").unlink()
    assert "adapter_config.json and adapter_model.safetensors" in problem(folder, tmp_path / "cache")


@pytest.mark.parametrize(
    ("held", "reference", "layers"),
    [
        (torch.randn(6, 4).bfloat16(), "acts.safetensors", None),
        (torch.randn(6, 3, 4).half(), "acts.safetensors#layer=1", 3),
        ((torch.randn(6, 4), torch.randn(6, 4)), "acts.safetensors::1", None),
        ({"train": {"acts": torch.randn(6, 4)}, "n": 6}, "acts.safetensors", None),
    ],
)
def test_pickled_activations_are_converted(tmp_path: Path, held: object, reference: str, layers: int | None) -> None:
    """A tensor, rows x layers x width, hidden states by layer, and tensors in dictionaries, all by torch.save."""
    torch.save(held, tmp_path / "acts.pt")
    message = problem(tmp_path / "acts.pt", tmp_path / "cache")
    assert f"w2s models convert {tmp_path / 'acts.pt'}, and give array:{tmp_path / 'acts.safetensors'}" in message
    convert(tmp_path / "acts.pt")
    report = check(f"array:{tmp_path / reference}", tmp_path / "cache")
    assert (report.architecture, report.layers, report.width, report.usable) == ("6 rows", layers, 4, True)
    with pytest.raises(InputError, match="must be a new file"):
        convert(tmp_path / "acts.pt")


def test_a_pickle_of_code_is_not_converted(tmp_path: Path) -> None:
    torch.save({"f": subprocess.run}, tmp_path / "acts.pt")
    with pytest.raises(RefusedError, match="cannot be converted"):
        convert(tmp_path / "acts.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["acts.pt"]


def test_gguf_of_an_encoder_names_its_architecture(tmp_path: Path) -> None:
    """The tokenizer is not at fault, and another would not help."""
    import gguf

    writer = gguf.GGUFWriter(str(tmp_path / "e.gguf"), "nomic-bert")
    writer.add_block_count(1)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(["[PAD]", "[UNK]"])
    writer.add_tensor("token_embd.weight", np.zeros((2, 32), np.float32))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    metaspace(tmp_path / "t")
    for reference in (f"gguf:{tmp_path / 'e.gguf'}", f"gguf:{tmp_path / 'e.gguf'}#tokenizer={tmp_path / 't'}"):
        message = problem(reference, tmp_path / "cache")
        assert "architecture 'nomic-bert'" in message
        assert "#tokenizer" not in message


def test_static_folder_of_shared_vectors_is_read(tmp_path: Path) -> None:
    """model2vec with `mapping` and `weights`: token i is weights[i] * embeddings[mapping[i]]."""
    from predictor.extraction.backend import LayerPooling, Runtime
    from predictor.extraction.static_backend import StaticBackend

    rng = np.random.default_rng(0)
    size = metaspace(tmp_path / "m")
    tensors = {
        "embeddings": rng.normal(size=(7, 4)).astype(np.float32),
        "mapping": rng.integers(0, 7, size),
        "weights": rng.random(size),
    }
    save_file(tensors, tmp_path / "m" / "model.safetensors")
    (tmp_path / "m" / "config.json").write_text('{"model_type": "model2vec", "normalize": true}')
    backend = StaticBackend(classify(tmp_path / "m", as_given="m"), Runtime("fp32", "cpu", 1))
    ids = np.array([[3, 5, 8]])
    found = backend.forward(ids, np.ones_like(ids), (LayerPooling(0, "mean"),))[LayerPooling(0, "mean")]
    rows = np.array([tensors["weights"][i] * tensors["embeddings"][tensors["mapping"][i]] for i in ids[0]])
    wanted = rows.mean(0) / np.linalg.norm(rows.mean(0))
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5)
    save_file({**tensors, "mapping": np.full(size, 9)}, tmp_path / "m" / "model.safetensors")
    with pytest.raises(RefusedError, match="maps tokens to vectors 9 to 9 and contains 0 to 6"):
        StaticBackend(classify(tmp_path / "m", as_given="m"), Runtime("fp32", "cpu", 1))


def test_static_embedding_of_a_sentence_transformers_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "st"
    size = metaspace(folder / "0_StaticEmbedding")
    save_file({"embedding.weight": np.ones((size, 4), np.float32)}, folder / "0_StaticEmbedding" / "model.safetensors")
    (folder / "modules.json").write_text('[{"path": "0_StaticEmbedding", "type": "x.StaticEmbedding"}]')
    report = check(str(folder), tmp_path / "cache")
    assert (report.form, report.width, report.usable) == ("static", 4, True)
