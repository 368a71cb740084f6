"""Files that decide token ids: each of them is in the key of a model's features."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from predictor.models.artefact import Artefact, with_tokenizer
from predictor.models.forms import GGUF, ONNX, TRANSFORMERS
from predictor.models.tokenizer_files import SMILES_SPECIFICATION, SPECIFICATION, TOKENIZER_FILES, tokenizer_files


@pytest.mark.parametrize(
    "name",
    [*TOKENIZER_FILES, "config.json", "tokenizer.4.0.0.json", "vocab-src.json", "qwen.tiktoken", "merges-2.txt"],
)
def test_tokenizer_digest_depends_on_every_file(tmp_path: Path, name: str) -> None:
    """A replaced vocabulary, configuration or list of special tokens makes another key."""
    (tmp_path / "tokenizer_config.json").write_text("{}")
    artefact = Artefact(TRANSFORMERS, tmp_path)
    digests = {artefact.tokenizer_digest()}
    for content in ('{"one": 1}', '{"two": 2}'):
        (tmp_path / name).write_text(content)
        digests.add(artefact.tokenizer_digest())
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("specification", "named"),
    [
        ({SPECIFICATION: {**SMILES_SPECIFICATION, "vocab": "atoms.lst"}}, "atoms.lst"),
        ({"tokenizer_config.json": {"vocab_file": "/elsewhere/words.bin"}}, "words.bin"),
        ({"tokenizer_config.json": {"fast_tokenizer_files": ["fast.json"]}}, "fast.json"),
    ],
)
def test_tokenizer_digest_depends_on_named_files(tmp_path: Path, specification: dict[str, object], named: str) -> None:
    """A vocabulary of any name counts where the tokenizer's own configuration names it."""
    for name, content in specification.items():
        (tmp_path / name).write_text(json.dumps(content))
    digests = set()
    for content in ("one", "two"):
        (tmp_path / named).write_text(content)
        digests.add(Artefact(TRANSFORMERS, tmp_path).tokenizer_digest())
    assert len(digests) == 2


def test_tokenizer_files_leave_other_files_out(tmp_path: Path) -> None:
    """Rows, reports and training states in the folder do not change the key."""
    for name in ("pool.txt", "out.json", "trainer_state.json", "README.md", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    assert tokenizer_files(tmp_path) == ()
    (tmp_path / "vocab.txt").write_text("a")
    assert [path.name for path in tokenizer_files(tmp_path)] == ["vocab.txt"]


def test_tokenizer_of_another_folder_is_keyed_with_its_config(tmp_path: Path) -> None:
    """With `#tokenizer=FOLDER` the config.json of that folder may choose the tokenizer's class."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "vocab.txt").write_text("a")
    artefact = with_tokenizer(Artefact(TRANSFORMERS, tmp_path), folder)
    before = artefact.tokenizer_digest()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    assert artefact.tokenizer_digest() != before


@pytest.mark.parametrize("form", [GGUF, ONNX])
def test_files_beside_a_single_file_are_keyed(tmp_path: Path, form: object) -> None:
    """transformers reads tokenizer.json beside a GGUF file; config.json names the classes of an ONNX classifier."""
    (tmp_path / "model").write_bytes(b"")
    artefact = Artefact(form, tmp_path / "model")  # type: ignore[arg-type]
    before = (artefact.tokenizer_digest(), artefact.weights_digest())
    (tmp_path / "tokenizer.json").write_text("{}")
    assert artefact.tokenizer_digest() != before[0]
    if form is ONNX:
        (tmp_path / "config.json").write_text('{"problem_type": "regression"}')
        assert artefact.weights_digest() != before[1]
