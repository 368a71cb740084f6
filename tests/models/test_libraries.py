"""Libraries: where those that read models are missing, that is told with the command that brings them."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import predictor
from client.cli import __main__ as command
from predictor.errors import UnavailableError
from predictor.models.forms import ARRAY, FORMS, ONNX, TRANSFORMERS
from predictor.models.libraries import need
from tests.report.rankings import ranking


@pytest.fixture
def model(tmp_path):
    """A folder with everything that reading it begins with; it is never loaded."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n")
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return folder


@pytest.fixture
def bare(monkeypatch):
    """An installation of numpy and grpcio only."""
    for form in FORMS:
        for name in form.libraries:
            monkeypatch.setitem(sys.modules, name, None)


def test_a_model_that_cannot_be_read_here_is_one_failed_candidate(bare, model):
    rng = np.random.default_rng(0)
    texts = [f"row {row}" for row in range(40)]
    found = predictor.rank(strong=rng.standard_normal((40, 4)), weak={"a": str(model)}, pool=texts)
    (candidate,) = found.candidates
    assert candidate.error is not None
    assert candidate.error.reason == "MISSING_PACKAGE"
    assert candidate.error.message == (
        "reading models needs torch, transformers, safetensors, not installed here: pip install "
        "'w2s-predictor[models]'. Arrays are ranked without."
    )


def test_a_strong_model_that_cannot_be_read_here_ends_the_ranking(bare, model):
    with pytest.raises(UnavailableError, match="reading models needs torch"):
        predictor.rank(strong=str(model), weak={"a": np.eye(40)}, pool=[f"row {row}" for row in range(40)])


@pytest.mark.parametrize("words", [("models", "check"), ("models", "convert")])
def test_commands_on_models_say_what_is_missing(bare, model, words, capsys):
    (model / "model.safetensors").rename(model / "pytorch_model.bin") if "convert" in words else None
    assert command.main([*words, str(model)]) in (1, 2)
    stated = "".join(capsys.readouterr())
    assert "needs torch" in stated
    assert "pip install 'w2s-predictor[models]'" in stated


def test_every_form_names_what_it_lacks_and_nothing_else(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UnavailableError, match="needs onnxruntime, not installed"):
        need(*ONNX.libraries)
    need(*TRANSFORMERS.libraries)
    need(*ARRAY.libraries)
    with pytest.raises(UnavailableError, match="fine-tuning needs onnxruntime, not"):
        need("torch", "onnxruntime", purpose="fine-tuning")


def test_a_frame_without_pandas_reports_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UnavailableError, match="a frame needs pandas, not installed here: pip install pandas"):
        ranking().to_frame()
