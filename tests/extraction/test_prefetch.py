"""What is announced is read together, and ahead where there is a thread and memory to spare."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertModel

from predictor.errors import RefusedError
from predictor.extraction import memory, prefetch
from predictor.extraction.extractor import Extractor
from predictor.extraction.memory import free_memory
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, Forewarned
from predictor.ranking.gathering import gather
from predictor.steps import drain
from tests import weights
from tests.extraction.test_transformers import CHARACTERS, SIZES, tiny

POOL = Pool.of(weights.SMILES)
FP32 = Settings(precision="fp32")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three small models of random weights."""
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        place = tmp_path_factory.mktemp(f"m{seed}")
        found.append(tiny(place, BertModel(BertConfig(vocab_size=len(CHARACTERS), **SIZES))))
    return found


def gathered(source: Extractor, *references: str) -> list[FeatureSet]:
    strong, *weak = (read_spec(f"m{i}={reference}") for i, reference in enumerate(references))
    found = drain(gather(RankingQuery(strong, tuple(weak), POOL, settings=FP32), source))
    return [found.strong, *found.active]


def alone(cache: Path, reference: str) -> FeatureSet:
    (found,) = drain(Extractor(cache, prefetch=False).features(read_spec(reference), POOL, FP32))
    return found


def test_the_extractor_takes_announcements(tmp_path: Path) -> None:
    assert isinstance(Extractor(tmp_path), Forewarned)


def test_layers_and_poolings_of_one_model_come_from_one_pass(folders: list[Path], tmp_path: Path) -> None:
    source = Extractor(tmp_path, prefetch=False)
    wanted = [
        f"{folders[0]}#layer={layer}&pooling={how}"
        for layer, how in ((3, "mean"), (1, "cls"), (1, "last"), (0, "mean"))
    ]
    found = gathered(source, *wanted)
    assert source.forward_passes == 1
    for one, reference in zip(found, wanted, strict=True):
        expected = alone(tmp_path / one.name, reference)
        np.testing.assert_allclose(one.values, expected.values, rtol=1e-5, atol=1e-6)
        assert one.fingerprint == expected.fingerprint
    assert [one.cached for one in found] == [False, True, True, True]


def test_other_models_and_faulty_layers_stay_out_of_that_pass(folders: list[Path], tmp_path: Path) -> None:
    source = Extractor(tmp_path, prefetch=False)
    found = gathered(source, f"{folders[0]}#layer=1", f"{folders[1]}#layer=1", f"{folders[0]}#layer=77")
    assert len(found) == 2
    assert source.forward_passes == 2


def test_prefetched_models_give_the_same_features(folders: list[Path], tmp_path: Path) -> None:
    source = Extractor(tmp_path, prefetch=True)
    found = gathered(source, *(f"{folder}#layer=2" for folder in folders))
    for one, folder in zip(found, folders, strict=True):
        np.testing.assert_array_equal(one.values, alone(tmp_path / one.name, f"{folder}#layer=2").values)


def test_the_next_model_is_loaded_while_one_runs(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[str] = []
    load = prefetch.ModelCache.load

    def watched(self: prefetch.ModelCache, *arguments: object) -> object:
        where.append(threading.current_thread().name.split("_")[0])
        return load(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(prefetch.ModelCache, "load", watched)
    gathered(Extractor(tmp_path, prefetch=True), *(f"{folder}#layer=2" for folder in folders))
    assert where == ["MainThread", "w2s-prefetch", "w2s-prefetch"]
    where.clear()
    gathered(Extractor(tmp_path, prefetch=True), *(f"{folder}#layer=2" for folder in folders))
    assert where == []


def test_a_copy_of_an_announced_spec_takes_the_prefetched_model(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that wraps the extractor, as one that confines paths does, hands on copies of specs."""
    source = Extractor(tmp_path, prefetch=True)
    specs = [read_spec(f"m{i}={folder}#layer=2") for i, folder in enumerate(folders)]
    taken: list[object] = []
    take = prefetch.Prefetcher.take
    monkeypatch.setattr(prefetch.Prefetcher, "take", lambda self, *given: taken.append(take(self, *given)) or taken[-1])
    source.announce([replace(spec) for spec in specs], POOL)
    for spec in specs:
        drain(source.features(replace(spec), POOL, FP32))
    assert [one is not None for one in taken] == [False, True, True]


def test_nothing_is_prefetched_without_memory(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "free_memory", lambda: 1000)
    taken: list[object] = []
    take = prefetch.Prefetcher.take
    monkeypatch.setattr(prefetch.Prefetcher, "take", lambda self, *given: taken.append(take(self, *given)) or taken[-1])
    found = gathered(Extractor(tmp_path, prefetch=True), *(f"{folder}#layer=2" for folder in folders))
    assert len(found) == 3
    assert taken == [None] * len(taken)


def test_a_broken_prefetched_model_fails_alone(folders: list[Path], tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    torn.mkdir()
    for file in folders[0].iterdir():
        (torn / file.name).write_bytes(file.read_bytes())
    whole = (torn / "model.safetensors").read_bytes()
    (torn / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    found = gathered(Extractor(tmp_path / "cache", prefetch=True), str(folders[0]), str(torn), str(folders[1]))
    assert [one.name for one in found] == ["m0", "m2"]
    source = Extractor(tmp_path / "cache", prefetch=True)
    source.announce((read_spec(str(torn)),), POOL)
    with pytest.raises(RefusedError, match="cannot be loaded"):
        drain(source.features(read_spec(str(torn)), POOL, FP32))


def test_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_memory()
    assert free is None or free > 0
    monkeypatch.setattr(memory, "_machine", lambda: 5000)
    monkeypatch.setattr(memory, "_container", lambda: 300)
    assert free_memory() == 300
    monkeypatch.setattr(memory, "_container", lambda: None)
    assert free_memory() == 5000


def test_no_head_is_loaded_or_computed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    folder = tiny(tmp_path / "lm", BertForMaskedLM(BertConfig(vocab_size=len(CHARACTERS), **SIZES)))
    source = Extractor(tmp_path / "cache", prefetch=False)
    drain(source.features(read_spec(str(folder)), POOL, FP32))
    loaded = source.models.current
    assert loaded is not None
    model = loaded.backend.model  # type: ignore[attr-defined]
    assert type(model) is BertModel
    assert not any(
        module.out_features == len(CHARACTERS) for module in model.modules() if isinstance(module, torch.nn.Linear)
    )
