"""Tensors: numpy arrays to and from their wire form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from protos.w2s.v1 import query_pb2 as pb

_NAMES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_DTYPES: dict[int, np.dtype[Any]] = {
    pb.Dtype.Value(f"DTYPE_{name.upper()}"): np.dtype(name).newbyteorder("<") for name in _NAMES
}
_CODES = {dtype.str: code for code, dtype in _DTYPES.items()}
_MAX_DIMENSIONS = 2


def tensor_to_proto(values: NDArray[Any], field: str) -> pb.Tensor:
    """The array as raw little-endian row-major bytes, shape and dtype.

    Args:
        values: 1-D or 2-D, float of 16 to 64 bits or integer.
        field: what error messages call it.

    Raises:
        InputError: another dtype or number of dimensions.
    """
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    dtype = dtype_to_proto(values.dtype, field)
    _check_dimensions(values.ndim, field)
    return pb.Tensor(data=little.tobytes(order="C"), shape=values.shape, dtype=dtype)


def tensor_from_proto(message: pb.Tensor, field: str) -> NDArray[Any]:
    """The array, read-only, over the message's own bytes.

    Raises:
        InputError: no known dtype, a negative size, or bytes that do not fill the shape exactly.
    """
    dtype = dtype_from_proto(message.dtype, field)
    shape = tuple(message.shape)
    _check_dimensions(len(shape), field)
    expected = math.prod(shape) * dtype.itemsize
    if min(shape) < 0 or expected != len(message.data):
        raise InputError(
            f"{field} has shape {shape} of {dtype.name}, which is {expected} bytes; {len(message.data)} came.",
            reason="ARRAY_SHAPE",
            field=field,
        )
    return np.frombuffer(message.data, dtype=dtype).reshape(shape)


def dtype_to_proto(dtype: np.dtype[Any], field: str) -> Any:
    """The wire form of an element type in any byte order.

    Raises:
        InputError: another dtype than can be sent.
    """
    code = _CODES.get(dtype.newbyteorder("<").str)
    if code is None:
        raise InputError(
            f"{field} has dtype {dtype}; {', '.join(_NAMES)} can be sent. Convert it with .astype('float32').",
            reason="ARRAY_DTYPE",
            field=field,
        )
    return pb.Dtype.Name(code)


def dtype_from_proto(code: int, field: str) -> np.dtype[Any]:
    """The little-endian element type of its wire form.

    Raises:
        InputError: a number that is none.
    """
    dtype = _DTYPES.get(code)
    if dtype is None:
        raise InputError(
            f"{field} has dtype number {code}; give one of {', '.join(_NAMES)}.", reason="ARRAY_DTYPE", field=field
        )
    return dtype


def _check_dimensions(count: int, field: str) -> None:
    if not 1 <= count <= _MAX_DIMENSIONS:
        raise InputError(
            f"{field} has {count} dimensions; arrays have 1 or {_MAX_DIMENSIONS}.", reason="ARRAY_SHAPE", field=field
        )
