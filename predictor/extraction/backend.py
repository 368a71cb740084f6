"""Protocols of loaded models: hidden states (`Backend`), faster arithmetic (`Tunable`), logits (`Classifier`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from predictor.query.settings import Pooling

Vectors = NDArray[np.float32]


class LayerPooling(NamedTuple):
    """A layer, and how its token states become one vector."""

    layer: int
    pooling: Pooling


@dataclass(frozen=True)
class Runtime:
    """How a model is run.

    Attributes:
        precision: of torch arithmetic after `Tunable.tune`, `fp32` or `bf16`; ONNX graphs and embedding tables keep
            their own.
        device: `cpu`, `cuda`, or `auto` for a GPU where there is one.
        threads: CPU threads.
    """

    precision: str
    device: str
    threads: int


class Backend(Protocol):
    """A loaded model.

    Attributes:
        architecture: for people.
        layers: number of blocks L.
        shown: layer numbers that can be read, in order: 0 to L unless a graph hides some.
        width: d.
        parameters: number of weights that a forward pass uses.
        positions: longest row the model takes, or None.
        vocabulary: number of token ids, or None where unknown.
    """

    architecture: str
    layers: int
    shown: tuple[int, ...]
    width: int
    parameters: int
    positions: int | None
    vocabulary: int | None

    def forward(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], outputs: tuple[LayerPooling, ...]
    ) -> dict[LayerPooling, Vectors]:
        """One pass over a padded batch for any number of outputs: output -> (b, d) pooled float32.

        Raises:
            MemoryError: the batch is too large for the device.
        """
        ...


@runtime_checkable
class Tunable(Protocol):
    """A backend that can be made faster once it is loaded, at the price of rounding."""

    def tune(self, probes: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> tuple[float, ...]:
        """Bring the model to its runtime's precision, and its weights into the order that the device reads fastest.

        Args:
            probes: padded batches (ids, mask) to measure the drift on; none where it is known.

        Returns:
            Per layer the largest `predictor.extraction.precision.drift_of` over the batches; empty in fp32 or without
            probes.
        """
        ...


@runtime_checkable
class LengthBound(Protocol):
    """A backend that may compute long batches differently from short ones, even under the same mask: BigBird.

    Attributes:
        attention_by_length: whether this model does.
    """

    attention_by_length: bool


class Classifier(Protocol):
    """A loaded model with its sequence-classification head.

    Attributes:
        outputs: logits per row.
        positions: longest row it takes, or None.
        vocabulary: number of token ids, or None where unknown.
    """

    outputs: int
    positions: int | None
    vocabulary: int | None

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float64]:
        """(b, outputs) of a batch padded on the right.

        Raises:
            MemoryError: the batch is too large for the device.
        """
        ...
