"""Backend: the seam between the extraction loop and the engines that run a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from predictor.errors import RefusedError
from predictor.models.artefact import Artefact
from predictor.models.libraries import need_for
from predictor.query.settings import Pooling

Vectors = NDArray[np.float32]

Cell = tuple[int, Pooling]
"""A layer number and how its token states become one vector."""


@dataclass(frozen=True)
class Engine:
    """What runs the model.

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

    def forward(self, ids: NDArray[np.int64], mask: NDArray[np.int64], cells: tuple[Cell, ...]) -> dict[Cell, Vectors]:
        """One pass over a padded batch, whatever the number of cells: cell -> (b, d) pooled float32.

        Raises:
            MemoryError: the batch is too large for the device.
        """
        ...


@runtime_checkable
class Tunable(Protocol):
    """A backend that can be made faster once it is loaded, at the price of rounding."""

    def tune(self, witnesses: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> tuple[float, ...]:
        """Bring the model to its engine's precision, and its weights into the order that the device reads fastest.

        Args:
            witnesses: padded batches (ids, mask) to measure the drift on; none where it is known.

        Returns:
            Per layer the largest `predictor.extraction.precision.drift_of` over the batches; empty in fp32 or without
            witnesses.
        """
        ...


def backend_name(artefact: Artefact) -> str:
    """Engine name as it stands in feature keys."""
    return {"transformers": "transformers", "gguf": "transformers-gguf", "onnx": "onnxruntime"}.get(
        artefact.form, artefact.form
    )


def effective_precision(artefact: Artefact, precision: str) -> str:
    """The precision that will really be used: a graph or a table brings its own."""
    return precision if artefact.form in ("transformers", "gguf") else "graph"


def load_backend(artefact: Artefact, engine: Engine) -> Backend:
    """Load a model with the engine that reads its form. The engines' libraries are imported here, not before.

    Raises:
        RefusedError: unreadable, unknown or unsafe.
        NotFoundError: its files went away.
        UnavailableError: the engine is not installed.
    """
    need_for(artefact.form)
    if artefact.form in ("transformers", "gguf"):
        from predictor.extraction.torch_backend import TorchBackend

        return TorchBackend(artefact, engine)
    if artefact.form == "onnx":
        from predictor.extraction.onnx_backend import OnnxBackend

        return OnnxBackend(artefact, engine)
    if artefact.form == "static":
        from predictor.extraction.static_backend import StaticBackend

        return StaticBackend(artefact)
    raise RefusedError(
        f"{artefact.path} is an array, not a model to run; give array:{artefact.path.name}.",
        reason="NOT_A_MODEL",
        field="model",
    )
