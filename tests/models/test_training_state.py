"""Shards of a training and packed weights: refused before they are read, with the command that helps."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from accelerate.utils import merge_fsdp_weights
from safetensors.torch import load_file, save_file

from predictor.extraction.check import check
from predictor.extraction.extractor import Extractor
from predictor.intake.candidates import expanded
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.steps import drain
from tests.extraction.tiny import encoder_classifier, language_model


def problem(folder: Path) -> str:
    (found,) = check(str(folder), folder.parent / "cache").problems
    return found


def deepspeed(folder: Path) -> Path:
    """The files of a Trainer's checkpoint with ZeRO-3, by name; their contents stand in for the shards."""
    language_model(folder)
    (folder / "model.safetensors").unlink()
    (folder / "global_step500").mkdir()
    shards = ("mp_rank_00_model_states", "bf16_zero_pp_rank_0_mp_rank_00_optim_states")
    for name in (*(f"global_step500/zero_pp_rank_0_{shard}.pt" for shard in shards), "rng_state_0.pth"):
        torch.save({}, folder / name)
    (folder / "zero_to_fp32.py").write_text("# DeepSpeed's own")
    (folder / "latest").write_text("global_step500")
    return folder


def fsdp(folder: Path) -> Path:
    """A checkpoint as accelerate leaves it with SHARDED_STATE_DICT, written by torch itself."""
    language_model(folder)
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    for name, content in (("pytorch_model_fsdp_0", {"model": state}), ("optimizer_0", {"optimizer": state})):
        dcp.save(content, checkpoint_id=folder / name, no_dist=True)
    return folder


def test_deepspeed_shards_name_their_own_script(tmp_path: Path) -> None:
    folder = deepspeed(tmp_path / "run" / "checkpoint-500")
    command = f"python {folder}/zero_to_fp32.py {folder} {folder} --safe_serialization and give {folder}"
    assert command in problem(folder)
    assert command in problem(folder / "global_step500")


def test_fsdp_shards_name_a_command_that_makes_a_model(tmp_path: Path) -> None:
    folder = fsdp(tmp_path / "checkpoint-500")
    whole = language_model(tmp_path / "whole")
    command = re.search(r"accelerate merge-weights (\S+) (\S+) and give", problem(folder))
    assert command is not None
    merge_fsdp_weights(*command.groups())  # what the command calls
    assert check(str(folder), tmp_path / "cache").usable
    merged, written = (load_file(one / "model.safetensors") for one in (folder, whole))
    assert all(torch.equal(merged[name], written[name]) for name in written)


def test_a_folder_of_shards_alone_is_merged_beside_it(tmp_path: Path) -> None:
    shards = fsdp(tmp_path / "checkpoint-500") / "pytorch_model_fsdp_0"
    assert f"accelerate merge-weights {shards} {shards}-merged and give {shards}-merged" in problem(shards)


def test_sharded_and_optimizer_only_checkpoints_are_candidates_that_fail(tmp_path: Path) -> None:
    """They are not dropped unsaid; an empty one is not written yet."""
    language_model(tmp_path / "run" / "checkpoint-1")
    deepspeed(tmp_path / "run" / "checkpoint-2")
    (tmp_path / "run" / "checkpoint-3").mkdir()
    torch.save({}, tmp_path / "run" / "checkpoint-3" / "optimizer.pt")
    (tmp_path / "run" / "checkpoint-4").mkdir()
    found = expanded(read_spec(f"r={tmp_path}/run"))
    assert [spec.name for spec in found] == ["r/checkpoint-1", "r/checkpoint-2", "r/checkpoint-3"]
    assert "contains no model" in problem(tmp_path / "run" / "checkpoint-3")
    shutil.rmtree(tmp_path / "run" / "checkpoint-1")
    assert len(expanded(read_spec(f"{tmp_path}/run"))) == 1


def quantised(folder: Path, settings: dict[str, object]) -> Path:
    encoder_classifier(folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": settings}))
    return folder


@pytest.mark.parametrize("kind", ["gptq", "awq"])
@pytest.mark.parametrize("card", ["base_model: o/whole", "base_model:\n- o/whole", 'base_model: "o/whole"'])
def test_packed_weights_name_the_model_that_was_quantised(tmp_path: Path, kind: str, card: str) -> None:
    folder = quantised(tmp_path / "m", {"quant_method": kind, "bits": 4, "group_size": 128})
    assert "Give the model that was quantised; or save hidden states" in problem(folder)
    (folder / "README.md").write_text(f"---\nlicense: mit\n{card}\ntags: [x]\n---\n# A model\n")
    message = problem(folder)
    assert f"quantised by {kind}" in message
    assert "w2s models check hub:o/whole prints its commit" in message


def test_settings_beside_the_configuration_count(tmp_path: Path) -> None:
    folder = encoder_classifier(tmp_path / "m")
    (folder / "quantize_config.json").write_text(json.dumps({"bits": 4, "desc_act": False}))
    assert "quantised by gptq" in problem(folder)


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.int8])
def test_weights_without_their_scales_are_not_read_unscaled(tmp_path: Path, kind: torch.dtype) -> None:
    """As ModelOpt and plain casts leave them: the scales, if any, are named by no configuration."""
    folder = language_model(tmp_path / "m")
    tensors = {
        name: (tensor * 9).to(kind) if tensor.dim() > 1 else tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert "mean nothing without their scales" in problem(folder)
    settings = {"quant_method": "nobody's"}
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": settings}))
    assert "mean nothing without their scales" in problem(folder)


def test_fp8_with_its_scales_is_read_as_the_model_it_stands_for(tmp_path: Path) -> None:
    """Blocks of DeepSeek's and Qwen's kind, unpacked by transformers: features are those of the unpacked weights."""
    packed, plain = (language_model(tmp_path / name) for name in ("packed", "plain"))
    stored, unpacked = load_file(packed / "model.safetensors"), load_file(packed / "model.safetensors")
    for name, tensor in tuple(stored.items()):
        if "proj" in name:
            scale = tensor.abs().max() / 448
            stored[name] = (tensor / scale).to(torch.float8_e4m3fn)
            stored[f"{name}_scale_inv"] = scale.reshape(1, 1)
            unpacked[name] = stored[name].float() * scale
    save_file(stored, packed / "model.safetensors", metadata={"format": "pt"})
    save_file(unpacked, plain / "model.safetensors", metadata={"format": "pt"})
    path = packed / "config.json"
    settings = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}
    path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": settings}))
    extractor, pool = Extractor(tmp_path / "cache"), Pool.of([f"the row {row} was good" for row in range(20)])
    found, wanted = (
        drain(extractor.features(read_spec(f"{folder}#layer=last"), pool, Settings(precision="fp32")))[0].values
        for folder in (packed, plain)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_bitsandbytes_names_code_that_compiles(tmp_path: Path) -> None:
    folder = quantised(tmp_path / "it's", {"quant_method": "bitsandbytes", "load_in_4bit": True})
    message = problem(folder)
    words = shlex.split(message.partition("with: ")[2].removesuffix("."))
    assert words[:2] == ["python", "-c"]
    compile(words[2], "advice", "exec")
    assert f"{str(folder)!r}" in words[2]
