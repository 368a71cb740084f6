"""Adapter folders that are refused: their base is not here or is another, or peft would ignore what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from peft import PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from predictor.errors import RefusedError
from predictor.extraction.check import check
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from tests.extraction.adapters import adapted, problem, settings_of
from tests.extraction.tiny import encoder_classifier, language_model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_model(tmp_path_factory.mktemp("lm") / "base")


def test_a_base_elsewhere_is_named(base: Path, tmp_path: Path) -> None:
    adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "a")
    settings = tmp_path / "a" / "adapter_config.json"
    raw = json.loads(settings.read_text())
    for name, revision, message in (
        ("/scratch/me/llama", None, "its base '/scratch/me/llama' is not here"),
        (None, None, "names no base"),
        ("meta-llama/Llama-3.2-1B", None, "give .*#base=hub:meta-llama/Llama-3.2-1B@COMMIT or .*#base=FOLDER"),
        ("meta-llama/Llama-3.2-1B", "main", "of the hub at no fixed commit"),
    ):
        settings.write_text(json.dumps({**raw, "base_model_name_or_path": name, "revision": revision}))
        with pytest.raises(RefusedError, match=message):
            resolve(ModelReference.parse(str(tmp_path / "a")), tmp_path / "cache")
    report = check(f"{tmp_path / 'a'}#base={base}", tmp_path / "cache")
    assert (report.form, report.usable) == ("adapter", True)
    assert "only an adapter has a base" in problem(f"{base}#base={base}", tmp_path / "cache")


def test_adapter_of_a_fetched_package_names_no_path_here(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the settings of a downloaded adapter name is not opened: the base has to be given."""
    adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "a")
    monkeypatch.setattr("predictor.models.resolve.locate", lambda reference, cache, **_: (tmp_path / "a", ""))
    with pytest.raises(RefusedError, match="say which model it belongs to"):
        resolve(ModelReference.parse("pypi:lora==1.0/a"), tmp_path / "cache")


def test_a_wrong_base_is_refused(base: Path, tmp_path: Path) -> None:
    adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "a")
    other = encoder_classifier(tmp_path / "bert")
    assert "Check that this is the base" in problem(f"{tmp_path / 'a'}#base={other}", tmp_path / "cache")
    tensors = load_file(tmp_path / "a" / "adapter_model.safetensors")
    more = {
        name.replace("layers.1", "layers.7"): value.clone() for name, value in tensors.items() if "layers.1" in name
    }
    save_file({**tensors, **more}, tmp_path / "a" / "adapter_model.safetensors", metadata={"format": "pt"})
    assert "4 tensors do not fit, first" in problem(tmp_path / "a", tmp_path / "cache")
    kept = {name: value for name, value in tensors.items() if "layers.1" not in name}
    save_file(kept, tmp_path / "a" / "adapter_model.safetensors", metadata={"format": "pt"})
    assert "4 tensors do not fit, first" in problem(tmp_path / "a", tmp_path / "cache")


def test_prompt_tuning_is_refused(base: Path, tmp_path: Path) -> None:
    settings = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings).save_pretrained(tmp_path / "a")
    message = problem(tmp_path / "a", tmp_path / "cache")
    assert "PROMPT_TUNING, which cannot be merged" in message
    assert "give array:FILE.npy" in message


@pytest.mark.parametrize(
    ("setting", "refused"),
    [({"from_the_future": 3}, True), ({"from_the_future": False}, False), ({"megatron_config": {"a": 1}}, True)],
)
def test_settings_that_peft_would_ignore(setting: dict[str, Any], refused: bool, base: Path, tmp_path: Path) -> None:
    """peft drops settings that it does not know; they matter unless they are off."""
    adapted(base, settings_of("LORA", task_type="CAUSAL_LM"), tmp_path / "a")
    path = tmp_path / "a" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **setting}))
    if refused:
        assert f"sets {next(iter(setting))}" in problem(tmp_path / "a", tmp_path / "cache")
    else:
        assert check(str(tmp_path / "a"), tmp_path / "cache").usable
