"""Local paths stay inside the operator's folders."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from predictor.errors import InputError, NotFoundError, W2SError
from predictor.models.confine import confine


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a model, beside a secret."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "config.json").write_text("{}")
    (tmp_path / "root" / "models" / "good").mkdir(parents=True)
    (tmp_path / "root" / "models" / "good" / "config.json").write_text("{}")
    (tmp_path / "root" / "a.npy").write_bytes(b"")
    return tmp_path / "root"


def test_a_relative_path_is_found_in_a_root(root: Path, tmp_path: Path) -> None:
    assert confine("models/good", [tmp_path / "none", root]).text == str(root / "models" / "good")
    assert confine("array:a.npy#layer=1", [root]).text == f"array:{root / 'a.npy'}#layer=1"
    assert (
        confine("onnx:a.npy::k#tokenizer=models/good", [root]).text
        == f"onnx:{root / 'a.npy'}::k#tokenizer={root / 'models/good'}"
    )
    assert confine(str(root / "models" / "good"), [root]).text == str(root / "models" / "good")


def test_a_link_inside_the_root_is_followed(root: Path) -> None:
    os.symlink("good", root / "models" / "latest")
    assert confine("models/latest", [root]).text == str(root / "models" / "good")


@pytest.mark.parametrize("text", ["features:mine", "pypi:a==1/x", f"hub:o/n@{'0' * 40}"])
def test_references_without_a_local_path_pass(root: Path, text: str) -> None:
    assert confine(text, [root]).text == text
    assert confine(text, []).text == text


def link(root: Path, target: Path) -> None:
    os.symlink(target, root / "out")


NAMES = ["../secret", "models/../../secret", "models/good/../../../secret", "./../secret", "..", ".", "", "/"]
NAMES += ["SECRET", "SECRET/config.json", "/etc/passwd", "/dev/null", "/proc/self/environ", "/proc/self/root/etc"]
NAMES += ["out", "out/config.json", "models/deep", "loop", "none", "models/none", "a\0b", "x" * 300, "~", "~root/.ssh"]
NAMES += [
    "//etc/passwd",
    "models//../../secret",
    "\\..\\secret",
    "fifo",
    "a.npy/x",
    "%2e%2e/secret",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("kind", ["", "onnx:", "gguf:", "array:"])
@pytest.mark.parametrize("name", NAMES)
def test_whatever_leads_out_reads_like_what_is_absent(root: Path, kind: str, name: str) -> None:
    secret = root.parent / "secret"
    link(root, secret)
    (root / "models" / "deep").mkdir()
    os.symlink(secret / "config.json", root / "models" / "deep" / "config.json")
    os.symlink(root / "loop", root / "loop")
    os.mkfifo(root / "fifo")
    text = kind + name.replace("SECRET", str(secret))
    with pytest.raises((NotFoundError, InputError)) as error:
        confine(text, [root])
    if isinstance(error.value, NotFoundError):
        assert error.value.message == (
            f"model {text!r} does not exist in the folders that this server reads models from."
        )


def test_a_tokenizer_may_not_lead_out_either(root: Path) -> None:
    with pytest.raises(W2SError, match="model '/etc' does not exist in the folders"):
        confine("models/good#tokenizer=/etc", [root])
    with pytest.raises(NotFoundError):
        confine("pypi:a==1/x#tokenizer=../secret", [root])


def test_without_roots_no_local_path_is_read(root: Path) -> None:
    with pytest.raises(NotFoundError):
        confine(str(root / "models" / "good"), [])


@pytest.mark.parametrize("suffix", ["onnx", "gguf"])
def test_links_beside_a_weights_file_may_not_lead_out(root: Path, suffix: str) -> None:
    """A tokenizer or further tensors beside the weights are read with them."""
    folder = root / "models" / "graph"
    folder.mkdir()
    (folder / f"model.{suffix}").write_bytes(b"")
    os.symlink("../good/config.json", folder / "config.json")
    assert confine(f"models/graph/model.{suffix}", [root]).text == str(folder / f"model.{suffix}")
    os.symlink(root.parent / "secret" / "config.json", folder / "tokenizer.json")
    with pytest.raises(NotFoundError):
        confine(f"models/graph/model.{suffix}", [root])


def test_a_tokenizer_above_a_graph_may_not_lead_out(root: Path) -> None:
    folder = root / "models" / "graph"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"")
    assert confine("models/graph/model.onnx", [folder, root]).text == str(folder / "model.onnx")
    (root / "models" / "tokenizer.json").write_text("{}")
    assert confine("models/graph/model.onnx", [root]).text == str(folder / "model.onnx")
    with pytest.raises(NotFoundError):
        confine("model.onnx", [folder])


def test_a_folder_with_a_pipe_is_refused(root: Path) -> None:
    """Opening a pipe would wait forever."""
    os.mkfifo(root / "models" / "good" / "model.safetensors")
    with pytest.raises(NotFoundError):
        confine("models/good", [root])


def test_messages_name_what_the_caller_named(root: Path) -> None:
    found = confine("models/good#tokenizer=a.npy", [root])
    path = root / "models" / "good"
    assert found.as_given(f"{str(path)!r} is odd; so is {root / 'a.npy'}.") == "'models/good' is odd; so is a.npy."


def adapter(folder: Path, base: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": base}))
    return folder


@pytest.mark.parametrize("base", ["models/good", "../models/good", "{root}/models/good"])
def test_base_of_an_adapter_is_part_of_the_reference(root: Path, base: str) -> None:
    adapter(root / "lora", base.format(root=root))
    assert confine("lora", [root]).text == f"{root / 'lora'}#base={root / 'models' / 'good'}"


@pytest.mark.parametrize("base", ["../secret", "{root}/../secret", "/etc", "models"])
def test_base_of_an_adapter_outside_is_not_there(root: Path, base: str) -> None:
    """Named by its settings or by the caller."""
    adapter(root / "lora", "models/none" if base == "models" else base.format(root=root))
    with pytest.raises(W2SError, match=r"does not exist|is not here|at no fixed commit"):
        confine("lora", [root])
    with pytest.raises(W2SError, match="does not exist"):
        confine("lora#base=../secret", [root])


def test_adapter_over_an_adapter_is_not_confined(root: Path) -> None:
    adapter(root / "first", "models/good")
    adapter(root / "second", "../first")
    with pytest.raises(W2SError, match="an adapter over another adapter"):
        confine("second", [root])
