"""Models that were never trained are recognised by their normalisation layers."""

from __future__ import annotations

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from predictor.models.untrained import has_random_weights

SMALL = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)


def saved(folder, model, dtype=torch.float32):
    path = folder / "model.safetensors"
    save_file({name: value.to(dtype).contiguous() for name, value in model.state_dict().items()}, path)
    return [path]


def test_random_weights_are_recognised_in_every_precision(tmp_path):
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert has_random_weights(saved(tmp_path, BertModel(SMALL), dtype))


def test_one_step_of_training_is_enough(tmp_path):
    model = BertModel(SMALL)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    model(torch.arange(5)[None]).last_hidden_state[0, 0].sum().backward()
    optimiser.step()
    assert not has_random_weights(saved(tmp_path, model))


def test_nothing_is_claimed_of_a_model_without_normalisation(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"embedding.weight": torch.ones(3, 4)}, path)
    assert not has_random_weights([path])
    assert not has_random_weights([tmp_path / "model.onnx"])
