"""A config.json that declares more than the weights hold is refused before anything of that size is built."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from predictor.errors import RefusedError
from predictor.extraction.backend import Runtime
from predictor.extraction.declared_sizes import check_declared_sizes
from predictor.extraction.loaded import load_model
from predictor.models.config_file import read_config
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from tests import weights

HONEST = {"model_type": "bert", "num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 32, "vocab_size": 50}


@pytest.fixture
def folder(tmp_path):
    tensors = {f"encoder.layer.{i}.dense.weight": np.zeros((32, 8), np.float32) for i in range(2)}
    save_file(
        {**tensors, "embeddings.word_embeddings.weight": np.zeros((50, 8), np.float32)}, tmp_path / "m.safetensors"
    )
    return tmp_path


def test_sizes_that_the_weights_have_pass(folder):
    check_declared_sizes(HONEST, folder)
    check_declared_sizes(HONEST | {"vocab_size": "many", "num_attention_heads": 4, "head_dim": 2}, folder)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"num_hidden_layers": 65_536}, "num_hidden_layers = 65536, and its weights have 2 layers"),
        ({"hidden_size": 1 << 30}, "hidden_size = 1073741824, and its weights have 50 entries"),
        ({"num_attention_heads": 50, "head_dim": 50}, "num_attention_heads × head_dim = 2500"),
        ({"model_type": "albert", "num_hidden_layers": 10**9}, "its weights have 512 layers"),
    ],
    ids=["layers", "width", "heads", "shared"],
)
def test_more_than_the_weights_have_is_refused(folder, declared, message):
    with pytest.raises(RefusedError, match=message) as caught:
        check_declared_sizes(HONEST | declared, folder)
    assert caught.value.reason == "CONFIG_CONTRADICTS_WEIGHTS"


def test_deep_json_is_refused_as_a_configuration(tmp_path):
    """Nested a hundred thousand times, it would exhaust the parser's stack."""
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(RefusedError, match="is not JSON") as caught:
        read_config(tmp_path)
    assert caught.value.reason == "CONFIG_UNREADABLE"


@pytest.mark.weights
def test_real_weights_under_a_configuration_of_65536_layers_are_refused(tmp_path):
    """Before, the library built all layers of random numbers first: 256 s of a worker for a file of a few bytes."""
    real = weights.artefact(weights.MINILM).path
    for file in real.iterdir():
        if file.is_file():
            (tmp_path / file.name).symlink_to(file)
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(read_config(real) | {"num_hidden_layers": 65_536}))
    with pytest.raises(RefusedError, match="num_hidden_layers = 65536, and its weights have 6 layers"):
        load_model(resolve(ModelReference.parse(str(tmp_path)), tmp_path / "cache"), Runtime("fp32", "cpu", 1))
