"""Model: an ONNX graph on disk that takes long enough over its rows to be hit meanwhile."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from predictor.models.tokenizer_files import SMILES_SPECIFICATION
from predictor.query.model_reference import LabelsBy
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery, Settings

LETTERS = "CNO()=1"
WIDTH = 256
DEPTH = 8
CLASSES = 2
ROWS = 150
"""More of them would spend the time on the estimates."""

LENGTH = 200


def write_model(folder: Path, seed: int = 0) -> str:
    """A reference to token embeddings, `DEPTH` dense layers, each a hidden state, and a head of two classes.

    Weights are random. The head takes the mean over tokens, padding included, so rows are to be of one length.
    """
    rng = np.random.default_rng(seed)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "w2s_tokenizer.json").write_text(json.dumps(SMILES_SPECIFICATION))
    weights = [numpy_helper.from_array(_normal(rng, len(vocabulary)), "word_embeddings")]
    nodes = [helper.make_node("Gather", ["word_embeddings", "input_ids"], ["hidden_states.0"])]
    for layer in range(DEPTH):
        weights.append(numpy_helper.from_array(_normal(rng, WIDTH) / np.float32(WIDTH**0.5), f"dense.{layer}"))
        nodes.append(helper.make_node("MatMul", [f"hidden_states.{layer}", f"dense.{layer}"], [f"sum.{layer}"]))
        nodes.append(helper.make_node("Tanh", [f"sum.{layer}"], [f"hidden_states.{layer + 1}"]))
    head = _normal(rng, WIDTH)[:, :CLASSES]
    weights.append(numpy_helper.from_array(np.ascontiguousarray(head), "head"))
    nodes.append(helper.make_node("ReduceMean", [f"hidden_states.{DEPTH}"], ["mean"], axes=[1], keepdims=0))
    nodes.append(helper.make_node("MatMul", ["mean", "head"], ["logits"]))
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [
        helper.make_tensor_value_info(f"hidden_states.{layer}", TensorProto.FLOAT, ["rows", "tokens", WIDTH])
        for layer in range(DEPTH + 1)
    ]
    outputs.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", CLASSES]))
    graph = helper.make_graph(nodes, "dense", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return f"onnx:{folder / 'model.onnx'}"


def reading(strong: str, weak: str, rng: random.Random, labels: LabelsBy | None = None) -> RankingQuery:
    """A query whose rows no feature store has seen: the last layer of one as student, the first of one as candidate."""
    rows = ["".join(rng.choices(LETTERS, k=LENGTH)) for _ in range(ROWS)]
    return RankingQuery(
        strong=ModelSpec("strong", strong, layer=str(DEPTH)),
        weak=(ModelSpec("first", weak, layer="1", labels=labels),),
        pool=Pool.of(rows),
        settings=Settings(estimators=("cka",)),
    )


def _normal(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.normal(size=(rows, WIDTH)).astype(np.float32)
