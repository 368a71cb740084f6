"""Opened graphs: an ONNX file, checked for references to other files, with inner tensors made outputs.

Where an exporter wrote module names into node names (`/bert/encoder/layer.3/output/…`), whatever a block hands on to
nodes outside it is a candidate for its hidden state, be the architecture pre-norm or post-norm; the shapes of a trial
run decide (see `onnx_backend`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from predictor.errors import RefusedError

DOMAINS = frozenset(("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"))
"""Operator sets that onnxruntime itself brings. Any other would have to be loaded from a library."""

FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")

_BLOCK = re.compile(r"(?:^|[/.])(?:layers?|blocks?|h)\.(\d+)(?=[/.]|$)")
_STATE = re.compile(r"^(?:encoder_)?hidden_states?[._](\d+)$")
_FINAL = ("last_hidden_state", "encoder_last_hidden_state", "hidden_states", "token_embeddings", "encoder_outputs")
_MAX_GRAPH = (1 << 31) - 1


@dataclass(frozen=True, eq=False)
class OpenedGraph:
    """A graph ready to be run.

    Attributes:
        serialized: the graph with further outputs.
        candidates: layer -> tensors that may be its hidden state, in graph order.
        final: outputs that may be the last hidden state, the likeliest first.
        others: further outputs, without telling names.
        external_folder: folder of checked external tensors, or None.
        external_files: names of the files in it that contain tensors.
        parameters: elements of all initializers.
        positions, vocabulary: rows of the position and word embedding tables where they are found, else None.
    """

    name: str
    serialized: bytes
    candidates: dict[int, list[str]]
    final: tuple[str, ...]
    others: tuple[str, ...]
    external_folder: str | None
    external_files: tuple[str, ...]
    parameters: int
    positions: int | None
    vocabulary: int | None
    producer: str


def open_graph(path: Path) -> OpenedGraph:
    """Read, check and open up an ONNX file.

    Raises:
        RefusedError: unreadable, too large, operators that need a library, or tensors outside its folder.
    """
    if path.stat().st_size > _MAX_GRAPH:
        raise _refused(f"{path.name} is larger than {_MAX_GRAPH} bytes; put the tensors into a file beside it")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # boundary: protobuf raises its own class on bytes that are no graph
        raise _refused(f"{path.name} is not a readable ONNX graph ({type(error).__name__})") from error
    _check_domains(model, path)
    external = _check_external(model, path)
    candidates = _named_states(model.graph) or _block_outputs(model.graph)
    present = {output.name for output in model.graph.output}
    final = tuple(sorted(present - _wide_outputs(model.graph), key=_final_order))
    wanted = [name for found in candidates.values() for name in found if name not in present]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(wanted))
    return OpenedGraph(
        name=path.name,
        serialized=model.SerializeToString(),
        candidates=candidates,
        final=tuple(name for name in final if _is_final(name)),
        others=tuple(name for name in final if not _is_final(name)),
        external_folder=str(path.parent) if external else None,
        external_files=external,
        parameters=sum(_elements(tensor) for tensor in model.graph.initializer if _elements(tensor) > 1),
        positions=_table_rows(model.graph, r"position_embeddings|wpe"),
        vocabulary=_table_rows(model.graph, r"word_embeddings|embed_tokens|shared|wte|token_embedding"),
        producer=model.producer_name,
    )


def _check_domains(model: Any, path: Path) -> None:
    used = {one.domain for one in model.opset_import} | {node.domain for node in _nodes(model.graph)}
    local = {function.domain for function in model.functions}
    foreign = sorted(used - DOMAINS - local)
    if foreign:
        raise _refused(
            f"{path.name} uses operators of {', '.join(foreign)}, which only a custom library "
            "could run, and none is loaded"
        )


def _check_external(model: Any, path: Path) -> tuple[str, ...]:
    """Names of the files that contain tensors. A graph that is itself a link may have them beside its target."""
    found, folders = set(), (path.parent.resolve(), path.resolve().parent)
    for tensor in _tensors(model.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        climbs = Path(location).is_absolute() or ".." in Path(location).parts
        if not location or climbs or not _is_in(path.parent / location, folders):
            raise _refused(
                f"{path.name} stores tensor {tensor.name!r} in {location!r}; external tensors must be files in the "
                "graph's own folder, and no link may lead out of it"
            )
        found.add(location)
    return tuple(sorted(found))


def _is_in(target: Path, folders: tuple[Path, ...]) -> bool:
    """Whether a file is there, and in one of the folders with all links followed."""
    try:
        real = target.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return False  # absent, too long, a loop of links, a NUL inside
    return real.is_file() and any(real.is_relative_to(one) for one in folders)


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _nodes(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors)
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _tensors(inner)


def _named_states(graph: Any) -> dict[int, list[str]]:
    found = {}
    for output in graph.output:
        number = _STATE.match(output.name)
        if number:
            found[int(number[1])] = [output.name]
    return dict(sorted(found.items()))


def _block_outputs(graph: Any) -> dict[int, list[str]]:
    """What each block hands on: tensors made inside it and used outside; layer 0 is what block 1 is handed."""
    maker: dict[str, int | None] = {}
    for node in graph.node:
        found = _BLOCK.search(node.name or (node.output[0] if node.output else ""))
        for name in node.output:
            maker[name] = int(found[1]) if found else None
    numbers = sorted({block for block in maker.values() if block is not None})
    if not numbers:
        return {}
    order = {block: i for i, block in enumerate(numbers)}
    leaving: dict[int, dict[str, None]] = {layer: {} for layer in range(len(numbers) + 1)}
    published = {output.name for output in graph.output}
    for node in graph.node:
        found = _BLOCK.search(node.name or (node.output[0] if node.output else ""))
        user = int(found[1]) if found else None
        for name in node.input:
            made = maker.get(name, -1)
            if made == -1 or made == user:
                continue
            if made is not None:
                leaving[order[made] + 1][name] = None
            elif user == numbers[0]:
                leaving[0][name] = None
    for name, made in maker.items():
        if name in published and made is not None:
            leaving[order[made] + 1][name] = None
    place = {name: i for i, name in enumerate(maker)}
    return {layer: sorted(names, key=place.__getitem__) for layer, names in leaving.items() if names}


def _wide_outputs(graph: Any) -> set[str]:
    return {o.name for o in graph.output if o.name == "logits" or o.name.startswith("present")}


def _is_final(name: str) -> bool:
    return name in _FINAL or name.endswith("last_hidden_state")


def _final_order(name: str) -> tuple[int, str]:
    return (_FINAL.index(name) if name in _FINAL else len(_FINAL), name)


def _elements(tensor: Any) -> int:
    count = 1
    for size in tensor.dims:
        count *= int(size)
    return count


def _table_rows(graph: Any, words: str) -> int | None:
    form = re.compile(words)
    for tensor in graph.initializer:
        if len(tensor.dims) == 2 and form.search(tensor.name):
            return int(tensor.dims[0])
    return None


def _refused(why: str) -> RefusedError:
    return RefusedError(f"{why}.", reason="GRAPH_REFUSED", field="model")
