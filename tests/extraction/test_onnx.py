"""ONNX graphs: hidden states found, checked against onnxruntime, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from predictor.errors import RefusedError
from predictor.extraction.extractor import Extractor
from predictor.extraction.onnx_graph import open_graph
from predictor.extraction.tokenizers import load_tokenizer
from predictor.models.artefact import Artefact
from predictor.models.forms import ONNX
from predictor.models.tokenizer_files import SMILES_SPECIFICATION
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from tests import weights
from tests.extraction.plain import pooled, relative_error

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"CNO()=1"]
TABLE = np.random.default_rng(5).normal(size=(len(VOCABULARY), 4)).astype(np.float32)


def extract(reference: str, texts: tuple[str, ...], cache: Path, budget: int = 512) -> tuple[FeatureSet, ...]:
    extractor = Extractor(cache, token_budget=budget)
    return drain(extractor.features(read_spec(reference), Pool.of(texts), Settings()))


def one_by_one(artefact: Artefact, texts: tuple[str, ...], tensor: str, how: str) -> NDArray[np.float32]:
    """(n, d): onnxruntime on one row at a time, with the named inner tensor as its output, pooled by hand."""
    model = onnx.load(str(artefact.path))
    if tensor not in {output.name for output in model.graph.output}:
        model.graph.output.append(onnx.ValueInfoProto(name=tensor))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rows = load_tokenizer(artefact).encode(texts, 256).rows
    found = []
    for row in rows:
        ids = row[None, :]
        known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        feeds = {one.name: known[one.name] for one in session.get_inputs()}
        found.append(pooled(session.run([tensor], feeds)[0][0], how))
    return np.stack(found)


BERT = "/bert/encoder/layer.{}/output/LayerNorm/Add_1_output_0"
REAL = [
    (weights.BERT_TINY_ONNX, 1, BERT.format(0), "mean", ()),
    (weights.BERT_TINY_ONNX, 2, BERT.format(1), "last", ()),
    (weights.BERT_TINY_ONNX, 0, "/bert/embeddings/LayerNorm/Add_1_output_0", "cls", ()),
    (weights.BERT_4L_ONNX, 2, BERT.format(1), "mean", ("each row was run alone",)),
    (
        weights.PARAPHRASE_ONNX,
        2,
        "/model/model.0/auto_model/encoder/layer.1/output/LayerNorm/LayerNormalization_output_0",
        "mean",
        (),
    ),
    (weights.PARAPHRASE_ONNX, 3, "onnx::Shape_422", "mean", ()),
    (weights.FLAN_T5_ONNX, 8, "last_hidden_state", "mean", ("each row was run alone",)),
]


@pytest.mark.weights
@pytest.mark.parametrize(
    ("reference", "layer", "tensor", "how", "reported"), REAL, ids=[f"{r.split('/')[-1][:20]}-{k}" for r, k, *_ in REAL]
)
def test_a_layer_is_the_tensor_that_its_block_hands_on(
    tmp_path: Path, reference: str, layer: int, tensor: str, how: str, reported: tuple[str, ...]
) -> None:
    artefact = weights.artefact(reference)
    options = f"layer={layer}&pooling={how}"
    text = weights.local(reference)
    (found,) = extract(f"{text}{'&' if '#' in text else '#'}{options}", weights.SENTENCES, tmp_path)
    assert found.layer == str(layer)
    assert relative_error(found.values, one_by_one(artefact, weights.SENTENCES, tensor, how)) < 1e-3
    assert len(found.warnings) == len(reported)
    assert all(part in warning for part, warning in zip(reported, found.warnings, strict=True))


@pytest.mark.weights
def test_the_same_weights_as_onnx_and_as_the_original_network_have_as_many_layers() -> None:
    graph = open_graph(weights.artefact(weights.PARAPHRASE_ONNX).path)
    assert (max(graph.candidates), graph.vocabulary, graph.positions) == (3, 30522, 512)


def make_graph(
    folder: Path,
    *,
    obeys_mask: bool = True,
    output: str = "last_hidden_state",
    domain: str = "",
    location: str | None = None,
    extra_input: str | None = None,
) -> str:
    """Embeddings plus, where the mask is not obeyed, the mean over all tokens, padding included."""
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    (folder / "w2s_tokenizer.json").write_text(json.dumps(SMILES_SPECIFICATION))
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "tokens"])
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["rows", "tokens"])
    table = numpy_helper.from_array(TABLE, "word_embeddings")
    if location is not None:
        table.ClearField("raw_data")
        table.data_location = TensorProto.EXTERNAL
        table.external_data.add(key="location", value=location)
    nodes = [helper.make_node("Gather", ["word_embeddings", "input_ids"], ["looked_up"])]
    if obeys_mask:
        nodes.append(helper.make_node("Identity", ["looked_up"], [output], domain=domain))
    else:
        nodes.append(helper.make_node("ReduceMean", ["looked_up"], ["mean"], axes=[1], keepdims=1))
        nodes.append(helper.make_node("Add", ["looked_up", "mean"], [output]))
    state = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["rows", "tokens", 4])
    inputs = [ids, mask]
    if extra_input is not None:
        inputs.append(helper.make_tensor_value_info(extra_input, TensorProto.FLOAT, ["rows"]))
    graph = helper.make_graph(nodes, "made", inputs, [state], [table])
    opsets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 8
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return f"onnx:{folder / 'model.onnx'}"


def test_a_graph_that_ignores_its_mask_is_caught_and_run_in_equal_lengths(tmp_path: Path) -> None:
    reference = make_graph(tmp_path / "m", obeys_mask=False)
    texts = ("CC", "CCCCCCO", "N", "C=O", "O(N)", "CO")
    (found,) = extract(reference, texts, tmp_path / "cache")
    artefact = Artefact(ONNX, tmp_path / "m" / "model.onnx")
    expected = one_by_one(artefact, texts, "last_hidden_state", "mean")
    np.testing.assert_allclose(found.values, expected, rtol=1e-5, atol=1e-6)
    assert found.warnings == ("padding changes this model's features, so only rows of equal length were run together",)


def test_a_graph_that_obeys_its_mask_is_run_padded(tmp_path: Path) -> None:
    reference = make_graph(tmp_path / "m")
    (found,) = extract(reference, ("CC", "CCCCCCO", "N"), tmp_path / "cache")
    assert found.warnings == ()
    np.testing.assert_allclose(found.values[2], TABLE[[2, 5, 3]].mean(axis=0), rtol=1e-5)


def test_named_hidden_states_are_used_before_any_guess(tmp_path: Path) -> None:
    reference = make_graph(tmp_path / "m", output="hidden_states.2")
    (found,) = extract(f"{reference}#layer=2", ("CC", "N"), tmp_path / "cache")
    assert found.layer == "2"
    with pytest.raises(RefusedError, match="this graph does not show layer 1; it shows 2"):
        extract(f"{reference}#layer=1", ("CC", "N"), tmp_path / "cache")


def test_external_tensors_beside_the_graph_are_read(tmp_path: Path) -> None:
    reference = make_graph(tmp_path / "m", location="table.bin")
    (tmp_path / "m" / "table.bin").write_bytes(TABLE.tobytes())
    (found,) = extract(reference, ("CC", "N"), tmp_path / "cache")
    np.testing.assert_allclose(found.values[1], TABLE[[2, 5, 3]].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("location", ["../table.bin", "/etc/passwd", "link.bin", "", "absent.bin"])
def test_external_tensors_elsewhere_are_refused(tmp_path: Path, location: str) -> None:
    reference = make_graph(tmp_path / "m", location=location)
    (tmp_path / "table.bin").write_bytes(TABLE.tobytes())
    os.symlink(tmp_path / "table.bin", tmp_path / "m" / "link.bin")
    with pytest.raises(RefusedError, match="external tensors must be files in the graph's own folder") as error:
        extract(reference, ("CC", "N"), tmp_path / "cache")
    assert error.value.reason == "GRAPH_REFUSED"


def test_operators_of_a_custom_library_are_refused(tmp_path: Path) -> None:
    reference = make_graph(tmp_path / "m", domain="ai.onnx.contrib")
    with pytest.raises(
        RefusedError, match=r"uses operators of ai\.onnx\.contrib, which only a custom library could run"
    ):
        extract(reference, ("CC", "N"), tmp_path / "cache")


def test_a_graph_without_hidden_states_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"shows no hidden states.*Export it with last_hidden_state"):
        extract(make_graph(tmp_path / "m", output="logits"), ("CC", "N"), tmp_path / "cache")


def test_an_input_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"asks for an input 'pixels' of tensor\(float\), which is not known"):
        extract(make_graph(tmp_path / "m", extra_input="pixels"), ("CC", "N"), tmp_path / "cache")


def test_bytes_that_are_no_graph_are_refused(tmp_path: Path) -> None:
    reference = make_graph(tmp_path / "m")
    (tmp_path / "m" / "model.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(RefusedError, match=r"model\.onnx is not a readable ONNX graph"):
        extract(reference, ("CC", "N"), tmp_path / "cache")


def test_a_graph_that_the_runtime_cannot_take_is_refused(tmp_path: Path) -> None:
    reference = make_graph(tmp_path / "m")
    model = onnx.load(str(tmp_path / "m" / "model.onnx"))
    model.graph.node[0].op_type = "NoSuchOperator"
    (tmp_path / "m" / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(RefusedError, match=r"onnxruntime cannot load model\.onnx"):
        extract(reference, ("CC", "N"), tmp_path / "cache")


@pytest.mark.weights
def test_models_that_no_torch_runs_are_read_without_importing_it(tmp_path: Path) -> None:
    code = (
        "import sys\nimport predictor\n"
        "predictor.rank(strong=sys.argv[1], weak=[sys.argv[2]], pool=[f'film {i}' for i in range(30)], layer='last',"
        " estimators=['cka'])\nprint(sorted({'onnxruntime', 'torch'} & set(sys.modules)))"
    )
    models = [weights.local(weights.POTION), weights.local(weights.BERT_TINY_ONNX)]
    own = {**os.environ, "W2S_CACHE_DIR": str(tmp_path / "cache"), "W2S_STATE_DIR": str(tmp_path / "state")}
    done = subprocess.run([sys.executable, "-c", code, *models], env=own, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['onnxruntime']", done.stderr
