"""OnnxBackend: graphs run by onnxruntime, with their hidden states brought out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from predictor.errors import RefusedError
from predictor.extraction.backend import LayerPooling, Runtime, Vectors
from predictor.extraction.onnx_graph import FLOATS, OpenedGraph, open_graph
from predictor.extraction.pooling import pool
from predictor.models.artefact import Artefact

_INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_PAST_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxBackend:
    """An ONNX encoder, decoder or tagger that takes token ids.

    Layers are numbered over the hidden states found: 0 the embeddings' output, k what block k hands on.
    """

    def __init__(self, artefact: Artefact, runtime: Runtime) -> None:
        graph = open_graph(artefact.path)
        self._session = open_session(graph, runtime)
        self._inputs = {one.name: one for one in self._session.get_inputs()}
        if "input_ids" not in self._inputs:
            raise RefusedError(
                f"{artefact.path.name} has inputs {', '.join(list(self._inputs)[:6])} and none called input_ids; only "
                "graphs that take token ids are read.",
                reason="GRAPH_UNREADABLE",
                field="model",
            )
        self._outputs = self._hidden_outputs(graph)
        if not self._outputs:
            raise RefusedError(
                f"{artefact.path.name} shows no hidden states: no output of shape (rows, tokens, width) and no blocks "
                "that are known by their names. Export it with last_hidden_state or hidden_states as outputs.",
                reason="NO_HIDDEN_STATES",
                field="model",
            )
        self.architecture = f"ONNX graph ({graph.producer or 'unknown producer'})"
        self.layers = max(self._outputs)
        self.shown = tuple(self._outputs)
        self.width = self._width
        self.parameters = graph.parameters
        self.positions: int | None = graph.positions
        self.vocabulary: int | None = graph.vocabulary

    def forward(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], outputs: tuple[LayerPooling, ...]
    ) -> dict[LayerPooling, Vectors]:
        """See `Backend`."""
        layers = tuple(dict.fromkeys(layer for layer, _ in outputs))
        absent = next((layer for layer in layers if layer not in self._outputs), None)
        if absent is not None:
            raise RefusedError(
                f"this graph does not show layer {absent}; it shows {', '.join(map(str, self.shown))}.",
                reason="LAYER_HIDDEN",
                field="layer",
            )
        states = self._run([self._outputs[layer] for layer in layers], ids, mask)
        weights = mask.astype(np.float32)
        found = dict(zip(layers, states, strict=True))
        return {
            output: np.asarray(
                pool(found[output.layer].astype(np.float32, copy=False), weights, output.pooling), dtype=np.float32
            )
            for output in outputs
        }

    def _run(self, names: list[str], ids: NDArray[np.int64], mask: NDArray[np.int64]) -> list[NDArray[Any]]:
        try:
            found: list[NDArray[Any]] = self._session.run(names, feeds_of(self._inputs, ids, mask))
        except onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException as error:
            if "alloc" not in str(error).lower():
                raise
            raise MemoryError(str(error)) from error
        return found

    def _hidden_outputs(self, graph: OpenedGraph) -> dict[int, str]:
        """Layer number -> output name, decided by the shapes of a trial run on two rows of five tokens."""
        ids = np.arange(10, dtype=np.int64).reshape(2, 5) % max(2, graph.vocabulary or 10)
        names = list(
            dict.fromkeys(
                [*graph.final, *graph.others, *(name for found in graph.candidates.values() for name in found)]
            )
        )
        types = {one.name: one.type for one in self._session.get_outputs()}
        names = [name for name in names if types[name] in FLOATS]
        shapes = {}
        if names:
            trial = self._run(names, ids, np.ones_like(ids))
            shapes = {name: state.shape for name, state in zip(names, trial, strict=True)}
        fits = {name: shape[2] for name, shape in shapes.items() if len(shape) == 3 and shape[:2] == (2, 5)}
        found = {}
        for layer, candidates in graph.candidates.items():
            usable = [name for name in candidates if name in fits]
            if usable:
                found[layer] = usable[-1]
        final = next((name for name in graph.final if name in fits), None)
        if final is None and not found:
            unnamed = [name for name in graph.others if name in fits and fits[name] != graph.vocabulary]
            final = unnamed[0] if len(unnamed) == 1 else None
        blocks = max((layer for layer in found if layer > 0), default=0)
        if final is not None:
            found[max(blocks, 1)] = final
        width = fits[found[max(found)]] if found else 0
        self._width = int(width)
        return {layer: name for layer, name in sorted(found.items()) if fits[name] == width}


def feeds_of(inputs: Mapping[str, Any], ids: NDArray[np.int64], mask: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What a graph's inputs are given for (b, t) token ids; of a decoder, an empty past.

    Raises:
        RefusedError: an input that is not known.
    """
    rows = len(ids)
    values: dict[str, NDArray[Any]] = {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": np.zeros_like(ids),
        "position_ids": np.broadcast_to(np.arange(ids.shape[1]), ids.shape),
    }
    feeds: dict[str, NDArray[Any]] = {}
    for name, one in inputs.items():
        if name in values:
            feeds[name] = np.ascontiguousarray(values[name], dtype=_INTEGERS.get(one.type, np.int64))
        elif name.startswith("past_key_values") and one.type in _PAST_FLOATS and len(one.shape) == 4:
            heads, size = (int(one.shape[axis]) for axis in (1, 3))
            feeds[name] = np.zeros((rows, heads, 0, size), dtype=_PAST_FLOATS[one.type])
        elif name == "use_cache_branch":
            feeds[name] = np.zeros(1, dtype=np.bool_)
        else:
            raise RefusedError(
                f"the graph asks for an input {name!r} of {one.type}, which is not known; known are "
                f"{', '.join(values)} and past_key_values.",
                reason="GRAPH_UNREADABLE",
                field="model",
            )
    return feeds


def open_session(graph: OpenedGraph, runtime: Runtime) -> Any:
    """The graph in onnxruntime.

    Raises:
        RefusedError: onnxruntime cannot take it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False  # the arena keeps the memory of the largest batch
    mapped = _linked_files(graph)
    if mapped:
        sizes = [len(content) for content in mapped.values()]
        options.add_external_initializers_from_files_in_memory(list(mapped), list(mapped.values()), sizes)
    elif graph.external_folder is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", graph.external_folder)
    available = onnxruntime.get_available_providers()
    wants_gpu = runtime.device != "cpu" and "CUDAExecutionProvider" in available
    providers = [*(["CUDAExecutionProvider"] if wants_gpu else []), "CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(graph.serialized, options, providers=providers)
    except Exception as error:  # boundary: onnxruntime raises its own bare classes on a graph it cannot take
        raise RefusedError(
            f"onnxruntime cannot load {graph.name} ({type(error).__name__}: {str(error)[:300]}).",
            reason="GRAPH_UNREADABLE",
            field="model",
        ) from error


def _linked_files(graph: OpenedGraph) -> dict[str, NDArray[np.uint8]]:
    """Files of external tensors, mapped, where they are links: onnxruntime does not follow those out of the folder."""
    folder = Path(graph.external_folder or ".")
    if not any((folder / name).is_symlink() for name in graph.external_files):
        return {}
    return {name: np.memmap(folder / name, np.uint8, "r") for name in graph.external_files}
