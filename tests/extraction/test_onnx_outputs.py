"""ONNX outputs of any name: the one that has a state per token is the last hidden state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from predictor.extraction.check import check
from tests.extraction.tiny import metaspace

WORDS = "embeddings.word_embeddings.weight"


def graph(folder: Path, outputs: dict[str, int]) -> Path:
    """A table of embeddings and one projection of it for each output, name -> width."""
    rng, size = np.random.default_rng(0), metaspace(folder)
    tables = [numpy_helper.from_array(rng.normal(size=(size, 8)).astype(np.float32), WORDS)]
    nodes = [helper.make_node("Gather", [WORDS, "input_ids"], ["looked_up"])]
    for name, width in outputs.items():
        width = size if width < 0 else width
        tables.append(numpy_helper.from_array(rng.normal(size=(8, width)).astype(np.float32), f"w_{name}"))
        nodes.append(helper.make_node("MatMul", ["looked_up", f"w_{name}"], [name]))
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "t"])
    found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", "t", None]) for name in outputs]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [ids], found, tables), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


@pytest.mark.parametrize(
    "outputs",
    [
        {"output_0": 16},
        {"1234": 16},
        {"output": 16, "logits": -1},
        {"vocabulary_scores": -1, "x": 16},
        {"last_hidden_state": 16, "anything": 5},
    ],
    ids=str,
)
def test_output_of_any_name_is_the_last_state(tmp_path: Path, outputs: dict[str, int]) -> None:
    report = check(f"onnx:{graph(tmp_path, outputs)}", tmp_path / "cache")
    assert (report.usable, report.width) == (True, 16)


@pytest.mark.parametrize("outputs", [{"a": 16, "b": 5}, {"scores": -1}], ids=str)
def test_outputs_that_leave_it_open_are_refused(tmp_path: Path, outputs: dict[str, int]) -> None:
    """Two states per token of which no name says more, or scores of the vocabulary alone."""
    assert not check(f"onnx:{graph(tmp_path, outputs)}", tmp_path / "cache").usable
