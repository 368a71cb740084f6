"""Located: features by the place where every worker finds them on a shared file system, instead of their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.folders import replace_file
from predictor.store.arrays import fingerprint
from predictor.store.entries import blocks_of


@dataclass(frozen=True)
class Located:
    """(n, d) numbers in a file, row by row.

    Attributes:
        path: absolute.
        offset: bytes before the first row.
        dtype: as numpy writes it.
        shape: (n, d).
        ours: whether the file was written for the engine and goes with it.
    """

    path: str
    offset: int
    dtype: str
    shape: tuple[int, int]
    ours: bool = False

    def open(self) -> NDArray[Any]:
        """The rows as a memory map.

        Raises:
            OSError: the file is gone or this machine does not see it.
        """
        return np.memmap(self.path, np.dtype(self.dtype), "r", self.offset, self.shape)


def locate(values: NDArray[np.floating], folder: Path) -> Located:
    """Where the values lie: the file that they are a map of, else one written for them under their own digest.

    Raises:
        LimitError, UnavailableError: it cannot be written.
    """
    rows, dims = (int(size) for size in values.shape)
    mapped = _map_behind(values)
    if mapped is not None:
        return Located(str(Path(str(mapped.filename)).absolute()), mapped.offset, values.dtype.str, (rows, dims))
    path = folder / f"{fingerprint(values)}.npy"
    head = BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": values.dtype.str, "fortran_order": False, "shape": (rows, dims)}
    )
    if not path.exists():
        replace_file(path, _bytes(head.getvalue(), values))
    return Located(str(path), len(head.getvalue()), values.dtype.str, (rows, dims), ours=True)


def _bytes(head: bytes, values: NDArray[np.floating]) -> Iterator[bytes | memoryview]:
    yield head
    for block in blocks_of(values):
        yield np.ascontiguousarray(block).data.cast("B")


def _map_behind(values: NDArray[np.floating]) -> np.memmap[Any, Any] | None:
    """The memory map of a whole file that `values` are, or are a plain view of."""
    found: Any = values
    while isinstance(found, np.ndarray) and isinstance(found.base, np.ndarray):
        found = found.base
    whole = isinstance(found, np.memmap) and found.filename is not None and values.flags.c_contiguous
    if not whole or found.nbytes != values.nbytes or found.dtype != values.dtype:
        return None
    same = found.__array_interface__["data"][0] == values.__array_interface__["data"][0]
    return found if same else None
