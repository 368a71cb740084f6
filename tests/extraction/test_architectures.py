"""Architectures that answer in ways of their own; tests/benchmarks/compatibility.md has all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from predictor.errors import RefusedError
from predictor.extraction.extractor import Extractor
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.row_form import RowForm
from predictor.query.settings import Precision, Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from tests.benchmarks.compatibility_models import tiny_model, write_folder
from tests.extraction.plain import one_by_one, relative_error
from tests.extraction.tiny import byte_level
from tests.weights import SENTENCES

ROWS = (*SENTENCES[:2], *SENTENCES[3:5])


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    byte_level(folder)
    return folder


def written(kind: str, folder: Path, tokenizer: Path) -> Any:
    vocabulary = len(json.loads((tokenizer / "tokenizer.json").read_text())["model"]["vocab"])
    model = tiny_model(kind, vocabulary)
    write_folder(model, folder, tokenizer)
    return model


def read(folder: Path, cache: Path, precision: Precision) -> tuple[Extractor, FeatureSet]:
    extractor = Extractor(cache, threads=1)
    spec = read_spec(f"{folder}#layer=last")
    return extractor, drain(extractor.features(spec, Pool.of(ROWS), Settings(precision=precision)))[0]


@pytest.mark.parametrize("kind", ["openai-gpt", "pegasus_x"])
def test_blocks_that_answer_with_more_than_a_state(kind: str, tmp_path: Path, tokenizer: Path) -> None:
    """A list of outputs; a pair of local and global tokens among the hidden states."""
    model = written(kind, tmp_path / "m", tokenizer)
    extractor, found = read(tmp_path / "m", tmp_path / "cache", "fp32")
    loaded = extractor.models.current
    assert loaded is not None
    rows = [row.tolist() for row in loaded.tokenize(list(ROWS), RowForm(256)).rows]
    network = model.get_encoder() if model.config.is_encoder_decoder else model
    assert relative_error(found.values, one_by_one(network, rows, int(found.layer), "mean")) < 1e-5


def test_an_operation_without_bf16_is_read_in_fp32(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FNet's Fourier transform: the default takes fp32, and bf16 by name is refused."""
    monkeypatch.setattr(
        "predictor.extraction.model_cache.preferred_precision",
        lambda asked, device: "fp32" if asked == "fp32" else "bf16",
    )
    written("fnet", tmp_path / "m", tokenizer)
    _, exact = read(tmp_path / "m", tmp_path / "exact", "fp32")
    _, found = read(tmp_path / "m", tmp_path / "cache", "auto")
    assert relative_error(found.values, exact.values) == 0
    assert "this model cannot be computed in bf16, so it was read in fp32" in found.warnings
    with pytest.raises(RefusedError, match="cannot be computed in bf16; give --precision fp32 or auto"):
        read(tmp_path / "m", tmp_path / "cache", "bf16")


def test_a_forward_pass_that_fails_is_this_models_own_error(tmp_path: Path, tokenizer: Path) -> None:
    """Nyströmformer takes rows of one length unless its landmarks are as many as its segments."""
    written("nystromformer", tmp_path / "m", tokenizer)
    config = tmp_path / "m" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "num_landmarks": 8}))
    with pytest.raises(
        RefusedError, match=r"NystromformerModel .* fails in its forward pass over 6 tokens \(RuntimeError"
    ):
        read(tmp_path / "m", tmp_path / "cache", "fp32")
