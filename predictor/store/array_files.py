"""Array files: arrays as stored, opened without running anything in them. Needs numpy, and safetensors for its files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError, NotFoundError, UnavailableError
from predictor.folders import existing_path

MAX_SAFETENSORS_HEADER = 1 << 20
"""Bytes. A longer header is refused before it is parsed."""


@dataclass(frozen=True, eq=False)
class NamedArray:
    """An array as stored in its file, with the metadata of the file.

    Attributes:
        values: as stored, any shape or dtype; memory-mapped where the format allows.
        about: metadata of the file, empty for `.npy`.
    """

    values: NDArray[Any]
    about: dict[str, str]


def read_array(locator: str) -> NamedArray:
    """Open `file.npy`, `file.safetensors` (one tensor) or `file.safetensors::KEY`. Pickled objects are never read.

    Raises:
        NotFoundError: no such file or key.
        InputError: another format, a damaged file, several tensors and no key.
    """
    name, _, key = locator.partition("::")
    path = existing_path(name)
    if path is None or not path.is_file():
        raise NotFoundError(f"array file {name!r} does not exist.", reason="ARRAY_NOT_FOUND", field=name)
    if path.suffix == ".npy":
        return NamedArray(_read_npy(path), {})
    if path.suffix == ".safetensors":
        return _read_safetensors(path, key)
    raise InputError(
        f"array file {name!r} ends in {path.suffix!r}; give .npy or .safetensors (optionally with ::KEY).",
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
    return values


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
            names = sorted(file.keys())
            if key and key not in names:
                raise NotFoundError(
                    f"{str(path)!r} has no tensor {key!r}; it has {_listed(names)}.",
                    reason="TENSOR_NOT_FOUND",
                    field=str(path),
                )
            if not key and len(names) != 1:
                raise InputError(
                    f"{str(path)!r} contains {len(names)} tensors ({_listed(names)}); name one with {path.name}::KEY.",
                    reason="TENSOR_AMBIGUOUS",
                    field=str(path),
                )
            return NamedArray(file.get_tensor(key or names[0]), dict(file.metadata() or {}))
    except (SafetensorError, TypeError, KeyError, OSError) as error:
        raise InputError(
            f"{str(path)!r} is not a readable .safetensors file ({error}).",
            reason="ARRAY_UNREADABLE",
            field=str(path),
        ) from error


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
