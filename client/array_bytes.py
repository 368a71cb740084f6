"""Layouts: arrays as runs of bytes, on the wire and in the files that a download is written to."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.store.manifest import Manifest
from protos.features import FeatureDescription


def array_bytes(values: NDArray[Any], manifest: Manifest, offset: int, size: int) -> bytes:
    """At most `size` bytes of the array as it travels, from a byte on; only the rows concerned are read."""
    width = manifest.dim * manifest.dtype.itemsize
    end = min(offset + size, manifest.size)
    first, last = offset // width, -(-end // width)
    rows = np.ascontiguousarray(values[first:last], dtype=manifest.dtype)
    return rows.tobytes()[offset - first * width : end - first * width]


def _npy_header(description: FeatureDescription) -> bytes:
    out = io.BytesIO()
    shape = (description.features.rows, description.features.dim)
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return out.getvalue()


def _safetensors_header(description: FeatureDescription) -> bytes:
    about = {key: str(value) for key, value in description.about.items() if value is not None}
    shape = [description.features.rows, description.features.dim]
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, description.size]}
    raw = json.dumps({"__metadata__": about, "features": entry}).encode()
    raw += b" " * (-len(raw) % 8)  # the format asks for it
    return len(raw).to_bytes(8, "little") + raw


HEADERS = {".npy": _npy_header, ".safetensors": _safetensors_header}
"""Suffix of a file to the header before its float32 rows."""
