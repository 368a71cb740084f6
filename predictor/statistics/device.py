"""Device: where the arrays of an answer are computed with, numpy's or another library's.

The algebra is written once. A function that runs on any device takes its `xp` from `namespace` and calls what the array
API standard (https://data-apis.org/array-api/) and `einsum` offer; operators, slices and `swapaxes` are the same
everywhere. What comes in is put on the device once, small results go back to numpy once.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Numbers = TypeVar("Numbers", bound=NDArray[Any])


class Device(Protocol):
    """A place that computes in float64."""

    @property
    def name(self) -> str:
        """As the option names it, `numpy` or `cuda:0`."""
        ...

    def put(self, array: Numbers) -> Numbers:
        """A numpy array as one of this device, of the same type; it may share memory."""
        ...

    def running(self) -> AbstractContextManager[object]:
        """Context of work on this device: what the device itself raises leaves it as an error of this project."""
        ...


class Host:
    """This process's memory and numpy: the device that is always there."""

    name = "numpy"

    def put(self, array: Numbers) -> Numbers:
        """The array itself."""
        return array

    def running(self) -> AbstractContextManager[object]:
        """Nothing to prepare."""
        return nullcontext()


HOST = Host()


def namespace(array: Any) -> Any:
    """The functions for this array: numpy, or another library by the array API standard."""
    if isinstance(array, np.ndarray):
        return np
    from array_api_compat import array_namespace

    return array_namespace(array)


def beside(array: Any, values: Any) -> Any:
    """Numbers of numpy on the device of an array."""
    if isinstance(array, np.ndarray):
        return values
    from array_api_compat import device

    return namespace(array).asarray(values, device=device(array))


def on_host(array: Any) -> NDArray[Any]:
    """An array of any device in numpy."""
    if isinstance(array, np.ndarray | np.generic):
        return np.asarray(array)
    from array_api_compat import to_device

    return np.asarray(to_device(array, "cpu"))
