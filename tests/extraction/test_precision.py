"""In which precision a model is read, and what the user is told of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from predictor.extraction import precision
from predictor.extraction.backend import LayerPooling, Runtime
from predictor.extraction.dry_run import plan
from predictor.extraction.extractor import Extractor
from predictor.extraction.loaded import load_model
from predictor.extraction.packed_linear import pack
from predictor.extraction.precision import drift_of
from predictor.models.artefact import Artefact
from predictor.models.forms import TRANSFORMERS
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.ranking.refining import MAX_ROWS
from predictor.steps import drain
from tests import weights
from tests.extraction.plain import relative_error
from tests.extraction.test_transformers import CHARACTERS, tiny

POOL = Pool.of(weights.SMILES)


def run(reference: str, cache: Path, asked: str = "auto") -> tuple[FeatureSet, ...]:
    return drain(Extractor(cache).features(read_spec(reference), POOL, Settings(precision=asked)))  # type: ignore[arg-type]


@pytest.fixture
def bf16_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU that says it computes in bf16, whatever this machine has (torch then computes so, only slowly)."""
    monkeypatch.setattr(precision, "_cpu_flags", lambda: frozenset({"avx512_bf16"}))
    monkeypatch.setattr(precision, "Path", lambda name: Path("/nowhere") if "nvidia" in str(name) else Path(name))


@pytest.fixture
def no_bf16_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU without bf16."""
    monkeypatch.setattr(precision, "_cpu_flags", lambda: frozenset({"avx2"}))
    monkeypatch.setattr(precision, "Path", lambda name: Path("/nowhere") if "nvidia" in str(name) else Path(name))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT, wide enough that bf16 rounding averages out as in a real one."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 96}
    return tiny(tmp_path_factory.mktemp("bert"), BertModel(BertConfig(vocab_size=len(CHARACTERS), **sizes)))


@pytest.fixture(scope="module")
def shaky(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, its embeddings so far from zero that bf16 cannot tell tokens apart."""
    folder = tmp_path_factory.mktemp("shaky") / "m"
    shutil.copytree(bert, folder)
    tensors = load_file(folder / "model.safetensors")
    name = "embeddings.LayerNorm.bias"
    tensors[name] = tensors[name] + 400.0
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_drift_is_measured_against_the_spread_of_each_dimension() -> None:
    exact = np.array([[100.0, 1.0], [102.0, 3.0]])
    assert drift_of(exact, exact) == 0.0
    assert drift_of(exact, exact + np.array([[0.5, 0.0], [-0.5, 0.0]])) == pytest.approx(0.5 / np.sqrt(2))
    assert drift_of(10 * exact, 10 * (exact + 0.1)) == pytest.approx(0.1)


def test_auto_reads_in_bf16_where_the_device_has_it(bf16_here: None, bert: Path, tmp_path: Path) -> None:
    (auto,), (full,) = run(str(bert), tmp_path), run(str(bert), tmp_path, "fp32")
    assert auto.fingerprint != full.fingerprint
    assert not full.cached
    assert 0 < relative_error(auto.values, full.values) < 3e-2
    assert 0 < auto.diagnostics["bf16_drift"] < precision.DRIFT_LIMIT
    assert full.diagnostics == {"random_weights": 1.0}
    assert auto.warnings == full.warnings == ()


def test_auto_reads_in_fp32_where_it_does_not(no_bf16_here: None, bert: Path, tmp_path: Path) -> None:
    (auto,), (full,) = run(str(bert), tmp_path), run(str(bert), tmp_path, "fp32")
    assert auto.fingerprint == full.fingerprint
    assert auto.warnings == ()
    (asked,) = run(str(bert), tmp_path, "bf16")
    assert asked.fingerprint == full.fingerprint
    assert asked.warnings == ("this device does not compute in bf16, so the model was read in fp32",)


def test_a_model_that_bf16_harms_is_read_in_fp32_and_reports_so(bf16_here: None, shaky: Path, tmp_path: Path) -> None:
    (auto,), (full,) = run(f"{shaky}#layer=0", tmp_path), run(f"{shaky}#layer=0", tmp_path, "fp32")
    assert auto.fingerprint == full.fingerprint
    assert any("so it was read in fp32" in warning and "(limit 5%)" in warning for warning in auto.warnings)
    (forced,) = run(f"{shaky}#layer=0", tmp_path, "bf16")
    assert forced.fingerprint != full.fingerprint
    assert any(warning.endswith("fp32 is safer") for warning in forced.warnings)
    assert forced.diagnostics["bf16_drift"] > precision.DRIFT_LIMIT


def test_the_decision_is_made_again_without_loading(bf16_here: None, shaky: Path, tmp_path: Path) -> None:
    run(f"{shaky}#layer=0", tmp_path)
    again = Extractor(tmp_path)
    (found,) = drain(again.features(read_spec(f"{shaky}#layer=0"), POOL, Settings()))
    assert found.cached
    assert again.models.current is None


def test_a_plan_foresees_the_precision(
    bf16_here: None, bert: Path, shaky: Path, tmp_path: Path, own_folders: Path
) -> None:
    cache = tmp_path / "cache"
    for folder in (bert, shaky):
        run(f"{folder}#layer=0", cache)
    query = RankingQuery(read_spec(f"{bert}#layer=0"), (read_spec(f"w={shaky}#layer=0"),), POOL)
    assert [step.state for step in plan(query, MAX_ROWS, cache)] == ["cached", "cached"]


def test_drift_is_measured_once_and_remembered_by_layer(bf16_here: None, bert: Path) -> None:
    artefact = Artefact(TRANSFORMERS, bert)
    first = load_model(artefact, Runtime("bf16", "cpu", 1)).facts
    assert len(first.drift) == 4
    assert all(0 < one < 0.1 for one in first.drift)
    assert load_model(artefact, Runtime("bf16", "cpu", 1), first).facts is first
    assert load_model(artefact, Runtime("fp32", "cpu", 1)).facts.drift == ()


def test_rounding_the_weights_leaves_buffers_alone(bert: Path) -> None:
    from predictor.extraction.torch_backend import narrow

    module = torch.nn.Linear(4, 4)
    module.register_buffer("angles", torch.rand(3))
    narrow(module)
    assert (module.weight.dtype, module.angles.dtype) == (torch.bfloat16, torch.float32)  # type: ignore[union-attr]


def test_packed_layers_give_the_same_and_can_be_put_back() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(40, 30), torch.nn.GELU(), torch.nn.Linear(30, 20, bias=False))
    rows = torch.randn(2, 7, 40)
    with torch.inference_mode():
        before = model(rows)
        undo = pack(model)
        packed = model(rows)
        strided = model(rows.transpose(0, 1)).transpose(0, 1)
        undo()
        after = model(rows)
    torch.testing.assert_close(packed, before, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(strided, before, rtol=1e-4, atol=1e-5)
    assert torch.equal(after, before)


class _ReadsItsWeight(torch.nn.Module):
    """Goes past its layer's forward, as some research code does."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(64, 64)

    def forward(self, hidden_states: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        return hidden_states + torch.nn.functional.linear(hidden_states, self.inner.weight)


def test_a_model_that_reads_its_weights_itself_is_left_unpacked(bert: Path) -> None:
    from predictor.extraction.torch_backend import TorchBackend

    backend = TorchBackend(Artefact(TRANSFORMERS, bert), Runtime("fp32", "cpu", 1))
    backend.model.encoder.layer[1] = _ReadsItsWeight()
    ids = np.array([[2, 4, 5, 3]])
    before = backend.forward(ids, np.ones_like(ids), (LayerPooling(3, "mean"),))
    backend.tune([])
    after = backend.forward(ids, np.ones_like(ids), (LayerPooling(3, "mean"),))
    np.testing.assert_array_equal(after[3, "mean"], before[3, "mean"])
