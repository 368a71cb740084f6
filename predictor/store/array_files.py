"""Array files: arrays as stored, opened without running anything in them. Needs numpy; safetensors for its own."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError, NotFoundError, UnavailableError
from predictor.folders import existing_path
from predictor.query.settings import Pooling

MAX_SAFETENSORS_HEADER = 1 << 20
"""Bytes. A longer header is refused before it is parsed."""

HIDDEN_STATES = "hidden_states"
"""Tensor of a row's file, as vLLM's connector of hidden states names it; `token_ids` is beside it."""

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, eq=False)
class NamedArray:
    """An array as stored in its file, with the metadata of the file.

    Attributes:
        values: as stored, any shape or dtype, bfloat16 as float32; memory-mapped where the format allows.
        about: metadata of the file, empty for other files than `.safetensors`.
    """

    values: NDArray[Any]
    about: dict[str, str]


def read_array(locator: str, pooling: Pooling = "mean") -> NamedArray:
    """Open `file.npy`, `file.npz`, `file.safetensors` (`::KEY` of several), or a folder of hidden states, a file a row.

    Pickled objects are never read.

    Args:
        locator: as in `array:` references.
        pooling: of the tokens in a folder's files; other files have one vector a row.

    Raises:
        NotFoundError: no such file or key.
        InputError: another format, a damaged file, several tensors and no key.
    """
    name, _, key = locator.partition("::")
    path = existing_path(name)
    if path is not None and path.is_dir():
        return NamedArray(_read_folder(path, pooling), {})
    if path is None or not path.is_file():
        raise NotFoundError(f"array file {name!r} does not exist.", reason="ARRAY_NOT_FOUND", field=name)
    if path.suffix == ".npy":
        return NamedArray(_read_npy(path), {})
    if path.suffix == ".npz":
        return NamedArray(_read_npz(path, key), {})
    if path.suffix == ".safetensors":
        return _read_safetensors(path, key)
    raise InputError(
        f"array file {name!r} ends in {path.suffix!r}; give .npy, .npz or .safetensors (optionally with ::KEY). "
        "Tensors in a .pt or .pkl file are made readable with: w2s models convert FILE",
        reason="ARRAY_FORMAT",
        field=name,
    )


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(
            f"{str(path)!r} is not a readable .npy array of numbers ({error}); write it with numpy.save and a float "
            "or integer dtype.",
            reason="ARRAY_UNREADABLE",
            field=str(path),
        ) from error
    return _without_bf16(values)


def _read_npz(path: Path, key: str) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return _without_bf16(file[_chosen(path, sorted(file.files), key)])
    except (ValueError, EOFError, OSError, BadZipFile) as error:
        raise InputError(
            f"{str(path)!r} is not a readable .npz file of numbers ({error}); write it with numpy.savez.",
            reason="ARRAY_UNREADABLE",
            field=str(path),
        ) from error


def _without_bf16(values: NDArray[Any]) -> NDArray[Any]:
    """The values; those of two opaque bytes are what numpy.save makes of bfloat16, and become float32."""
    return _from_bf16(values.view("<u2")) if values.dtype == np.dtype("V2") else values


def _from_bf16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """bfloat16 is the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _read_safetensors(path: Path, key: str) -> NamedArray:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise UnavailableError(
            "reading .safetensors needs the safetensors package: pip install 'w2s-predictor[models]', or give .npy.",
            reason="MISSING_PACKAGE",
        ) from error
    check_safetensors_header(path)
    try:
        with safe_open(str(path), framework="np") as file:
            name, about = _chosen(path, sorted(file.keys()), key), dict(file.metadata() or {})
            kind = str(file.get_slice(name).get_dtype())
            if kind == "BF16":  # numpy has no name for it
                return NamedArray(_from_bf16(_mapped(path, name)), about)
            if kind.startswith(("F8_", "F6_", "F4")):
                raise InputError(
                    f"{name!r} in {str(path)!r} has {kind} numbers, which mean nothing without their scales; save it "
                    "in float32, float16 or bfloat16.",
                    reason="ARRAY_DTYPE",
                    field=str(path),
                )
            return NamedArray(file.get_tensor(name), about)
    except (SafetensorError, TypeError, KeyError, OSError) as error:
        raise InputError(
            f"{str(path)!r} is not a readable .safetensors file ({error}).",
            reason="ARRAY_UNREADABLE",
            field=str(path),
        ) from error


def _mapped(path: Path, name: str) -> NDArray[np.uint16]:
    """The two-byte values of a tensor, mapped from the file, whose header the library has checked."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        about = json.loads(file.read(length))[name]
    shape = tuple(about["shape"])
    if not all(shape):
        return np.zeros(shape, dtype=np.uint16)
    return np.memmap(path, dtype="<u2", mode="r", offset=8 + length + about["data_offsets"][0], shape=shape)


def _chosen(path: Path, names: Sequence[str], key: str) -> str:
    """The array of a file that is meant.

    Raises:
        NotFoundError: no such key.
        InputError: several arrays and no key.
    """
    if key and key not in names:
        raise NotFoundError(
            f"{str(path)!r} has no tensor {key!r}; it has {_listed(names)}.",
            reason="TENSOR_NOT_FOUND",
            field=str(path),
        )
    if not key and len(names) != 1:
        hint = f"name one with {path.name}::KEY"
        if HIDDEN_STATES in names:
            hint += f". A folder of such files, one a row, is array:{path.parent}#layer=K"
        raise InputError(
            f"{str(path)!r} contains {len(names)} tensors ({_listed(names)}); {hint}.",
            reason="TENSOR_AMBIGUOUS",
            field=str(path),
        )
    return key or names[0]


def _read_folder(folder: Path, pooling: Pooling) -> NDArray[Any]:
    """(rows, layers, d) of a folder with one file a row, each with `hidden_states` (tokens, layers, d), as vLLM writes.

    Rows are in the order of the first number in each file's name.
    """
    found = [(path, _NUMBER.search(path.name)) for path in folder.iterdir() if path.suffix == ".safetensors"]
    numbered = {int(number[0]): path for path, number in found if number is not None}
    if not found or len(numbered) < len(found):
        raise InputError(
            f"{str(folder)!r} has {len(found)} .safetensors files. As an array, a folder has one for each row, whose "
            "number comes first in its name, as in 0.safetensors or hs_17.safetensors; rename them. The weights of a "
            "model are given without array:.",
            reason="ARRAY_UNREADABLE",
            field=str(folder),
        )
    rows: list[NDArray[np.float32]] = []
    for number in sorted(numbered):
        path = numbered[number]
        states = _read_safetensors(path, HIDDEN_STATES).values
        if states.ndim != 3 or not len(states) or (rows and states.shape[1:] != rows[0].shape):
            wanted = "(tokens, layers, d)" if not rows else f"(tokens, {rows[0].shape[0]}, {rows[0].shape[1]})"
            raise InputError(
                f"{str(path)!r} has {HIDDEN_STATES} of shape {states.shape}; {wanted} is needed.",
                reason="ARRAY_SHAPE",
                field=str(path),
            )
        rows.append(_pooled(states, pooling))
    return np.stack(rows)


def _pooled(states: NDArray[Any], pooling: Pooling) -> NDArray[np.float32]:
    if pooling == "mean":
        return np.asarray(states.astype(np.float32).mean(axis=0))
    return np.asarray(states[-1 if pooling == "last" else 0], dtype=np.float32)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """All tensors of a `.safetensors` file by name.

    Raises:
        NotFoundError, InputError: as of `read_array`.
    """
    check_safetensors_header(path)
    with path.open("rb") as file:
        names = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: _read_safetensors(path, name).values for name in names if name != "__metadata__"}


def check_safetensors_header(path: Path, limit: int = MAX_SAFETENSORS_HEADER) -> None:
    """Refuse a header longer than `limit` bytes, or than the file, before anyone parses it.

    Raises:
        InputError: too long or damaged.
    """
    with path.open("rb") as file:
        prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > path.stat().st_size - 8:
        raise InputError(
            f"{str(path)!r} is not a safetensors file, or was cut short.", reason="ARRAY_UNREADABLE", field=str(path)
        )
    if length > limit:
        raise InputError(
            f"the header of {str(path)!r} takes {length} bytes; at most {limit} are read.",
            reason="HEADER_TOO_LONG",
            field=str(path),
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
