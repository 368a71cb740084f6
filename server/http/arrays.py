"""Arrays: uploads whose body is the array, and feature sets answered as .npy files."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
from google.protobuf.message import Message

from protos import convert
from protos.features import MAX_CHUNK
from protos.w2s.v1 import features_pb2 as pb
from server.http.body import Body


async def upload(kind: type[Any], declared: Callable[[], Message], offset: int, body: Body) -> AsyncIterator[Any]:
    """The messages of an upload: the manifest, read once the call is admitted, then the body from a byte on."""
    yield kind(manifest=declared())
    async for data in body.chunks(MAX_CHUNK):
        yield kind(chunk=convert.chunk_to_proto(offset, data))
        offset += len(data)


def npy_header(features: pb.Features) -> bytes:
    """What a .npy file has before its rows, which are float32."""
    out = io.BytesIO()
    shape = (features.rows, features.dim)
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return out.getvalue()
