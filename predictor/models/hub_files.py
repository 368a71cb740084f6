"""Hub files: which files of a repository a model needs, from the list of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Literal

from predictor.models.adapter import SETTINGS, WEIGHTS
from predictor.models.tokenizer_files import CHAT_TEMPLATES, TOKENIZER_FILES, TOKENIZER_PATTERNS

INDEX = "model.safetensors.index.json"
FILES = (".gguf", ".onnx")
"""Endings of single files that are a model."""

_CONFIGS = (
    "config.json",
    SETTINGS,
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    *TOKENIZER_FILES,
    *CHAT_TEMPLATES,
    *TOKENIZER_PATTERNS,
)
"""Small files that say how the weights are used. No code."""

Part = Literal["weights", "pickles", "tokenizer"]
"""What of a model is fetched: safetensors and all that belongs to them, pickles instead, or the tokenizer alone."""

ReadJson = Callable[[str], Any]
"""Fetches a file of the repository and reads it as JSON."""


def needed_files(names: Sequence[str], inner: str, read: ReadJson, part: Part = "weights") -> tuple[str, ...]:
    """The files to fetch, weights last; none where there are no weights that are read, or no tokenizer.

    Args:
        names: every file of the repository, by path.
        inner: folder or single file inside, "" for the repository itself.
        read: called for the list of shards and for the modules of a sentence encoder.
        part: what is asked for.
    """
    if part == "tokenizer" and inner in names:
        return (inner,)
    if PurePosixPath(inner).suffix in FILES:
        return _single(names, inner)
    folder = f"{inner}/" if inner else ""
    small = _small(names, folder)
    if part == "tokenizer":
        return tuple(small) if any(name.removeprefix(folder) in TOKENIZER_FILES for name in small) else ()
    weights = _pickles(names, folder) if part == "pickles" else _weights(names, folder, read)
    more: list[str] = []
    if f"{folder}modules.json" in names:
        for path in _modules(read(f"{folder}modules.json")):
            inside = f"{folder}{path}/"
            small += _small(names, inside)
            more += _weights(names, inside, read)
    return tuple(dict.fromkeys((*small, *more, *weights))) if weights or more else ()


def pickled(names: Sequence[str], inner: str) -> bool:
    """Whether the weights are there as pickles."""
    return bool(_pickles(names, f"{inner}/" if inner else ""))


def model_folders(names: Sequence[str]) -> list[str]:
    """Folders with a configuration and weights, by path; the repository itself is none."""
    inside = {name.rpartition("/")[0] for name in names if name.endswith((".safetensors", ".bin"))} - {""}
    return sorted(one for one in inside if f"{one}/config.json" in names or f"{one}/{SETTINGS}" in names)


def single_files(names: Sequence[str]) -> list[str]:
    """Files that are a model by themselves."""
    return [name for name in names if PurePosixPath(name).suffix in FILES]


def _single(names: Sequence[str], inner: str) -> tuple[str, ...]:
    if inner not in names:
        return ()
    if inner.endswith(".gguf"):
        return (inner,)
    folder, _, _ = inner.rpartition("/")
    above, _, _ = folder.rpartition("/")
    places = dict.fromkeys((f"{folder}/" if folder else "", f"{above}/" if above else ""))
    small = [name for place in places for name in _small(names, place)]
    data = [name for name in names if name.startswith(inner) and name != inner]  # model.onnx_data, model.onnx.data
    return (*small, *data, inner)


def _small(names: Sequence[str], folder: str) -> list[str]:
    return [
        name for name in _inside(names, folder) if any(fnmatchcase(name.removeprefix(folder), one) for one in _CONFIGS)
    ]


def _weights(names: Sequence[str], folder: str, read: ReadJson) -> list[str]:
    """One set of weights: an adapter's, the shards of the index, model.safetensors, else all other files of tensors."""
    here = [name for name in _inside(names, folder) if name.endswith(".safetensors")]
    if f"{folder}{SETTINGS}" in names:
        return [name for name in here if name == f"{folder}{WEIGHTS}"]
    if f"{folder}{INDEX}" in names:
        table = read(f"{folder}{INDEX}")
        shards = table.get("weight_map", {}).values() if isinstance(table, dict) else ()
        return [f"{folder}{INDEX}", *(name for name in here if name.removeprefix(folder) in set(shards))]
    whole = f"{folder}model.safetensors"
    return [whole] if whole in here else here


def _pickles(names: Sequence[str], folder: str) -> list[str]:
    return [
        name
        for name in _inside(names, folder)
        if name.endswith((".bin", ".bin.index.json")) and not name.removeprefix(folder).startswith("training_args")
    ]


def _inside(names: Sequence[str], folder: str) -> list[str]:
    return [name for name in names if name.startswith(folder) and "/" not in name.removeprefix(folder)]


def _modules(raw: Any) -> list[str]:
    """Folders of the modules of a sentence encoder, itself apart."""
    entries = raw if isinstance(raw, list) else []
    paths = [str(entry.get("path", "")) for entry in entries if isinstance(entry, dict)]
    return [path for path in paths if path and "/" not in path and path not in (".", "..")]
