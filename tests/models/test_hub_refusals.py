"""Models that the hub does not give, or that are not one model: what the message names to give instead."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from predictor.api import rank
from predictor.errors import NotFoundError, RefusedError
from predictor.extraction.check import check
from predictor.models.convert import convert
from tests.extraction.adapters import adapted, settings_of
from tests.extraction.tiny import encoder_classifier, language_model
from tests.models.hub_emulator import FakeHub
from tests.models.resolved import found, refused


def test_a_branch_is_refused_with_its_commit(hub: FakeHub, cache: Path) -> None:
    encoder_classifier(hub.root / "o" / "bert")
    commit = hub.commit("o/bert")
    for reference in ("hub:o/bert@main", "hub:o/bert"):
        assert f"'main' is at commit {commit} now: give hub:o/bert@{commit}" in refused(reference, cache)
    assert f"give hub:o/bert@{commit}/x.gguf" in refused("hub:o/bert@main/x.gguf", cache)
    assert "no revision 'v9'" in refused("hub:o/bert@v9", cache)
    hub.status["/api/"] = 503
    assert "give hub:o/bert@COMMIT with the 40 hexadecimal digits" in refused("hub:o/bert@main", cache)


def test_a_private_repository_asks_for_a_token(hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder_classifier(hub.root / "o" / "own")
    hub.tokens["o/own"] = "hf_right"
    reference = hub.reference("o/own")
    message = refused(reference, cache)
    assert "'o/own' to you without a token (status 401)" in message
    assert "set HF_TOKEN" in message
    assert "hf auth login" in message
    assert "to you without a token" in refused("hub:o/own@main", cache)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "to the token in use (HF_TOKEN, or hf auth login)" in refused(reference, cache)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert found(reference, cache).form.name == "transformers"


def test_a_gated_repository_names_its_page(hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder_classifier(hub.root / "o" / "llama")
    hub.gated.add("o/llama")
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    message = refused(hub.reference("o/llama"), cache)
    assert "is gated" in message
    assert "accept its terms at https://huggingface.co/o/llama" in message


@pytest.mark.parametrize(("status", "words"), [(403, "set HF_TOKEN"), (429, "status 429"), (500, "status 500")])
def test_other_statuses_are_one_sentence(hub: FakeHub, cache: Path, status: int, words: str) -> None:
    encoder_classifier(hub.root / "o" / "bert")
    hub.status["/api/"] = status
    assert words in refused(hub.reference("o/bert"), cache)


def test_a_repository_that_is_not_there(hub: FakeHub, cache: Path) -> None:
    assert "it does not exist, or is private" in refused(f"hub:o/none@{'a' * 40}", cache)
    encoder_classifier(hub.root / "o" / "bert")
    assert f"has no revision '{'a' * 40}'" in refused(f"hub:o/bert@{'a' * 40}", cache)


def test_pickles_name_the_converter(hub: FakeHub, cache: Path) -> None:
    folder = encoder_classifier(hub.root / "o" / "old")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    reference = hub.reference("o/old")
    message = refused(reference, cache)
    assert f"w2s models convert {reference}" in message
    assert "pytorch_model.bin" not in hub.fetched()
    convert(reference, cache=cache)
    assert found(reference, cache).source is not None
    assert check(reference, cache).usable


def test_many_models_of_a_repository_are_named(hub: FakeHub, cache: Path) -> None:
    for name in ("small", "large"):
        encoder_classifier(hub.root / "o" / "many" / name)
    commit = hub.reference("o/many")
    assert f"give one of its folders: {commit}/large, {commit}/small. It has" in refused(commit, cache)
    assert check(f"{commit}/small", cache).usable


def test_an_adapter_needs_its_base(hub: FakeHub, cache: Path, tmp_path: Path) -> None:
    base = language_model(hub.root / "o" / "base")
    adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), hub.root / "o" / "lora")
    settings = hub.root / "o" / "lora" / "adapter_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "base_model_name_or_path": "o/base"}))
    reference, commit = hub.reference("o/lora"), hub.commit("o/base")
    message = refused(reference, cache)
    assert f"give {reference}#base=hub:o/base@{commit}" in message
    assert check(f"{reference}#base=hub:o/base@{commit}", cache).usable
    assert check(f"{reference}#base={base}", cache).usable


@pytest.mark.parametrize("error", [NotFoundError, RefusedError])
def test_candidates_elsewhere_go_on(hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch, error: type) -> None:
    monkeypatch.setenv("W2S_CACHE_DIR", str(cache))
    encoder_classifier(hub.root / "o" / "bert")
    if error is RefusedError:
        hub.gated.add("o/bert")
    else:
        hub.tokens["o/bert"] = "hf_x"
    rng = np.random.default_rng(0)
    answer = rank(
        strong=rng.normal(size=(60, 8)),
        weak={"bert": hub.reference("o/bert"), "branch": "hub:o/bert@main", "array": rng.normal(size=(60, 4))},
        pool=[f"row {i}" for i in range(60)],
    )
    assert [candidate.name for candidate in answer.candidates if candidate.error is None] == ["array"]
