"""Models of the hub, from a fake hub over a real socket with the real hub library."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from predictor.api import rank
from predictor.errors import UnavailableError
from predictor.extraction.check import check
from predictor.models.hub_files import needed_files
from tests.extraction.tiny import encoder_classifier, language_model
from tests.models.hub_emulator import FakeHub, etag
from tests.models.resolved import found, refused


def test_a_model_is_fetched_once(hub: FakeHub, cache: Path) -> None:
    """The second time nothing is asked: the commit fixes the files."""
    encoder_classifier(hub.root / "o" / "bert")
    reference = hub.reference("o/bert")
    assert check(reference, cache).usable
    assert set(hub.fetched()) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    hub.requests.clear()
    assert check(reference, cache).usable
    assert hub.requests == []


def test_only_the_needed_files_are_fetched(hub: FakeHub, cache: Path) -> None:
    """Not the copies in other formats and folders, other precisions, training states or code."""
    folder = encoder_classifier(hub.root / "o" / "bert")
    others = ["model.fp16.safetensors", "consolidated.safetensors", "pytorch_model.bin", "tf_model.h5", "optimizer.pt"]
    others += ["modeling.py", "onnx/model.onnx", "openvino/model.safetensors", "checkpoint-5/model.safetensors"]
    for name in [*others, "README.md", "x.gguf"]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x" * 50)
    assert check(hub.reference("o/bert"), cache).usable
    assert set(hub.fetched()) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def test_shards_are_those_of_the_index(hub: FakeHub, cache: Path) -> None:
    folder = hub.root / "o" / "lm"
    AutoModelForCausalLM.from_pretrained(language_model(folder)).save_pretrained(folder, max_shard_size="30KB")
    (folder / "model.safetensors").unlink()
    shutil.copy(next(folder.glob("model-0*")), folder / "model-00001-of-00001.safetensors")
    shards = {path.name for path in folder.glob("model-*")} - {"model-00001-of-00001.safetensors"}
    assert len(shards) > 1
    assert check(hub.reference("o/lm"), cache).usable
    assert {name for name in hub.fetched() if name.endswith(".safetensors")} == shards


def test_the_modules_of_a_sentence_encoder_are_fetched(hub: FakeHub, cache: Path) -> None:
    folder = encoder_classifier(hub.root / "o" / "st")
    modules = [{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}]
    modules += [{"path": "2_Dense", "type": "x.Dense"}, {"path": "../secret", "type": "x.Normalize"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    for name, config in (("1_Pooling", {"pooling_mode_cls_token": True}), ("2_Dense", {"in_features": 16})):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
    save_file({"linear.weight": torch.eye(16)}, folder / "2_Dense" / "model.safetensors")
    pipeline = found(hub.reference("o/st"), cache).pipeline
    assert pipeline is not None
    assert (pipeline.pooling, len(pipeline.steps)) == ("cls", 2)


def test_a_broken_download_is_one_candidates_failure(
    hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It goes on where it broke off, and nothing of the library is printed."""
    monkeypatch.setenv("W2S_CACHE_DIR", str(cache))
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    encoder_classifier(hub.root / "o" / "bert")
    rng = np.random.default_rng(0)
    reference, size = hub.reference("o/bert"), (hub.root / "o/bert/model.safetensors").stat().st_size
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    hub.breaks["model.safetensors"] = size // 2
    pool = [f"row {i}" for i in range(60)]
    capfd.readouterr()
    models = {"bert": reference, "array": rng.normal(size=(60, 4))}
    answer = rank(strong=rng.normal(size=(60, 8)), weak=models, pool=pool)
    errors = {candidate.name: candidate.error for candidate in answer.candidates}
    assert errors["array"] is None
    assert errors["bert"] is not None
    assert "the download of model.safetensors of hub:o/bert@" in errors["bert"].message
    assert "the same command goes on from there" in errors["bert"].message
    assert capfd.readouterr() == ("", "")
    hub.breaks.clear()
    hub.requests.clear()
    answer = rank(strong=rng.normal(size=(60, 8)), weak=models, pool=pool)
    assert all(candidate.error is None for candidate in answer.candidates)
    (begin,) = [span for method, path, span in hub.requests if method == "GET" and path.endswith("model.safetensors")]
    assert size // 2 - 1000 < int(begin.removeprefix("bytes=").partition("-")[0]) <= size // 2


def test_bytes_that_are_another_file_are_dropped(hub: FakeHub, cache: Path, tmp_path: Path) -> None:
    """The part of a file that was changed on its way, or written by two programs at once."""
    folder = encoder_classifier(hub.root / "o" / "bert")
    blobs = tmp_path / "hf" / "models--o--bert" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{etag(folder / 'model.safetensors')}.part").write_bytes(b"x" * 100)
    assert "is not that file" in refused(hub.reference("o/bert"), cache)
    assert found(hub.reference("o/bert"), cache).form.name == "transformers"


def test_files_of_a_repository(hub: FakeHub, cache: Path) -> None:
    """A GGUF file alone; a graph with its tensors beside it and the tokenizer above; what is not there lists others."""
    folder = hub.root / "o" / "files"
    encoder_classifier(folder)
    (folder / "model.safetensors").unlink()
    (folder / "onnx").mkdir()
    for name in ("a.gguf", "b.gguf", "onnx/model.onnx", "onnx/model.onnx_data", "onnx/model_q4.onnx"):
        (folder / name).write_bytes(name.encode())
    assert found(hub.reference("o/files", "a.gguf"), cache).form.name == "gguf"
    assert hub.fetched() == ["a.gguf"]
    artefact = found(hub.reference("o/files", "onnx/model.onnx"), cache)
    assert artefact.form.name == "onnx"
    assert {path.name for path in artefact.weight_files} == {"model.onnx", "model.onnx_data"}
    assert "tokenizer.json" in {path.name for path in artefact.tokenizer_files}
    assert "model_q4.onnx" not in hub.fetched()
    assert "has no 'c.gguf'; it has a.gguf, b.gguf" in refused(hub.reference("o/files", "c.gguf"), cache)
    message = refused(hub.reference("o/files"), cache)
    assert f"holds no safetensors weights; give one of its files: {hub.reference('o/files', 'a.gguf')}" in message


def test_a_tokenizer_alone(hub: FakeHub, cache: Path, tmp_path: Path) -> None:
    """A GGUF file without its tokenizer takes it from a repository or a file of one; no weights are fetched."""
    folder = hub.root / "o" / "lm"
    encoder_classifier(folder)
    (folder / "a.gguf").write_bytes(b"GGUF")
    commit = hub.reference("o/lm")
    for tokenizer in (commit, f"{commit}/tokenizer.json"):
        artefact = found(f"{commit}/a.gguf#tokenizer={tokenizer}", tmp_path / tokenizer[-9:])
        assert "tokenizer.json" in {path.name for path in artefact.tokenizer_files}
    assert not any(name.endswith(".safetensors") for name in hub.fetched())
    (hub.root / "o" / "bare").mkdir()
    (hub.root / "o" / "bare" / "README.md").write_text("nothing")
    message = refused(f"{commit}/a.gguf#tokenizer={hub.reference('o/bare')}", cache)
    assert "has no tokenizer file such as tokenizer.json" in message


def test_a_folder_of_a_repository(hub: FakeHub, cache: Path) -> None:
    encoder_classifier(hub.root / "o" / "runs" / "checkpoint-5")
    encoder_classifier(hub.root / "o" / "runs" / "checkpoint-9")
    assert found(hub.reference("o/runs", "checkpoint-9"), cache).path.name == "checkpoint-9"
    assert all(name.startswith("checkpoint-9/") for name in hub.fetched())


def test_offline_whole_models_are_read(
    hub: FakeHub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without our note too, as where another program fetched them; not with a shard missing."""
    folder = hub.root / "o" / "lm"
    AutoModelForCausalLM.from_pretrained(language_model(folder)).save_pretrained(folder, max_shard_size="30KB")
    (folder / "model.safetensors").unlink()
    reference = hub.reference("o/lm")
    local = found(reference, cache).path
    monkeypatch.setenv("W2S_OFFLINE", "1")
    hub.requests.clear()
    assert found(reference, cache).path == local
    assert found(reference, tmp_path / "other").path == local
    assert hub.requests == []
    next(local.glob("model-0*")).unlink()
    for place in (cache, tmp_path / "other"):
        with pytest.raises(UnavailableError, match="W2S_OFFLINE is set"):
            found(reference, place)


def test_an_unreachable_hub_leaves_what_is_here(hub: FakeHub, cache: Path, tmp_path: Path) -> None:
    encoder_classifier(hub.root / "o" / "bert")
    reference = hub.reference("o/bert")
    found(reference, cache)
    hub.status["/api/"] = 503
    assert found(reference, tmp_path / "other").form.name == "transformers"
    with pytest.raises(UnavailableError, match="could not be reached"):
        found(f"hub:o/other@{'b' * 40}", cache)


def test_files_of_other_layouts() -> None:
    """A table of embeddings in a file of its own name; nothing; an adapter beside a whole model."""

    def read(name: str) -> object:
        return {"weight_map": {"a": "model-1.safetensors"}} if "index" in name else []

    assert needed_files(["embeddings.safetensors", "tokenizer.json"], "", read) == (
        "tokenizer.json",
        "embeddings.safetensors",
    )
    assert needed_files(["README.md", "config.json"], "", read) == ()
    both = ["adapter_config.json", "adapter_model.safetensors", "model.safetensors"]
    assert needed_files(both, "", read) == ("adapter_config.json", "adapter_model.safetensors")
    index = ["model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors"]
    assert needed_files(index, "", read) == ("model.safetensors.index.json", "model-1.safetensors")
