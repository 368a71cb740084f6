"""Downloads: what is missing of a model, asked of a fake hub with the real hub library, and of pip."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from predictor.errors import NotFoundError, RefusedError
from predictor.models.downloads import Download, Downloads
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from tests.extraction.tiny import encoder_classifier, language_model
from tests.models.hub_emulator import FakeHub, etag


def asked(reference: str, cache: Path) -> Download:
    return Downloads(cache).of(reference)


def size(path: Path, *names: str) -> int:
    return sum((path / name).stat().st_size for name in names)


ENCODER = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def test_hub_bytes(hub: FakeHub, tmp_path: Path) -> None:
    """Bytes of the needed files; none once the model is fetched. No weights are fetched to say so."""
    folder = encoder_classifier(hub.root / "o" / "bert")
    (folder / "pytorch_model.bin").write_bytes(b"x" * 1000)
    reference, cache = hub.reference("o/bert"), tmp_path / "cache"
    found = asked(reference, cache)
    assert f"{reference}/model.safetensors" in {file.name for file in found.files}
    assert found.bytes == size(folder, *set(ENCODER) - set(hub.fetched()))
    assert set(hub.fetched()) == {"config.json"}
    resolve(ModelReference.parse(reference), cache)
    hub.requests.clear()
    assert asked(reference, cache) == Download()
    assert hub.requests == []


def test_arrived_bytes_are_not_counted(hub: FakeHub, tmp_path: Path) -> None:
    """Those of a download that broke off, and files that another model of the repository brought."""
    folder = encoder_classifier(hub.root / "o" / "bert")
    cache, blobs = tmp_path / "cache", tmp_path / "hf" / "models--o--bert" / "blobs"
    first = asked(hub.reference("o/bert"), cache).bytes
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / f"{etag(folder / 'model.safetensors')}.part").write_bytes(b"x" * 100)
    again = asked(hub.reference("o/bert"), cache).bytes
    assert first is not None
    assert again == first - 100


def test_shards_of_the_index_alone_are_counted(hub: FakeHub, tmp_path: Path) -> None:
    folder = hub.root / "o" / "lm"
    AutoModelForCausalLM.from_pretrained(language_model(folder)).save_pretrained(folder, max_shard_size="30KB")
    shutil.copy(folder / "model.safetensors", folder / "model-00001-of-00001.safetensors")
    shards = [path.name for path in folder.glob("model-*") if path.name != "model-00001-of-00001.safetensors"]
    files = {file.name.rpartition("/")[2]: file.bytes for file in asked(hub.reference("o/lm"), tmp_path).files}
    assert {name for name in files if name.endswith(".safetensors")} == set(shards)
    assert files[shards[0]] == size(folder, shards[0])
    assert not [name for name in hub.fetched() if name.endswith(".safetensors")]


def test_base_and_tokenizer_are_counted(hub: FakeHub, tmp_path: Path) -> None:
    """A tokenizer of another repository comes without the weights there."""
    folder = hub.root / "o" / "file"
    encoder_classifier(folder)
    (folder / "a.gguf").write_bytes(b"GGUF" * 10)
    encoder_classifier(hub.root / "o" / "bert")
    reference = f"{hub.reference('o/file', 'a.gguf')}#tokenizer={hub.reference('o/bert')}"
    found = asked(reference, tmp_path)
    assert f"{hub.reference('o/file')}/a.gguf" in {file.name for file in found.files}
    assert f"{hub.reference('o/bert')}/tokenizer.json" in {file.name for file in found.files}
    assert not [file for file in found.files if file.name.endswith(".safetensors")]


def test_unknown_sizes_have_a_reason(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder_classifier(hub.root / "o" / "bert")
    hub.status["/api/"] = 503
    assert "could not be reached (status 503)" in asked(hub.reference("o/bert"), tmp_path).unknown
    monkeypatch.setenv("W2S_OFFLINE", "1")
    for reference in (hub.reference("o/bert"), "pypi:small-weights==1.0/model"):
        found = asked(reference, tmp_path)
        assert "W2S_OFFLINE is set" in found.unknown
        assert found.bytes is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", {"quantization_config": {"quant_method": "gptq", "bits": 4}}),
        ("config.json", {"quantization_config": {"quant_method": "awq"}}),
        ("config.json", {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}),
        ("quantize_config.json", {"bits": 4, "desc_act": False}),
        ("quant_config.json", {"w_bit": 4}),
    ],
)
def test_quantised_weights_are_not_fetched(hub: FakeHub, tmp_path: Path, name: str, text: dict[str, object]) -> None:
    """Refused by the settings, with the model that was quantised where the card names it; on reading and on asking."""
    folder = encoder_classifier(hub.root / "o" / "q4")
    config = folder / name
    config.write_text(json.dumps({**(json.loads(config.read_text()) if config.is_file() else {}), **text}))
    (folder / "README.md").write_text("---\nbase_model: o/whole\n---\n")
    for ask in (asked, lambda reference, cache: resolve(ModelReference.parse(reference), cache)):
        with pytest.raises(RefusedError, match="weights quantised by") as caught:
            ask(hub.reference("o/q4"), tmp_path)
        assert "o/whole" in caught.value.message or "bitsandbytes" in caught.value.message
    assert not [one for one in hub.fetched() if one.endswith(".safetensors")]


def test_wheel_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the wheel that pip chooses, here of a folder; each wheel once. Nothing is stored."""
    links, cache = tmp_path / "links", tmp_path / "cache"
    links.mkdir()
    wheel = links / "small_weights-1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: small-weights\nVersion: 1.0\n"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("small_weights/model.bin", b"x" * 5000)
        file.writestr("small_weights-1.0.dist-info/METADATA", about)
        file.writestr("small_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("small_weights-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    monkeypatch.delenv("W2S_OFFLINE", raising=False)
    found = asked("pypi:small-weights==1.0/small_weights", cache)
    assert [(file.name, file.bytes) for file in found.files] == [("small-weights==1.0", wheel.stat().st_size)]
    assert not cache.exists()
    with pytest.raises(NotFoundError, match="no wheel of none-such"):
        asked("pypi:none-such==1.0/model", cache)
