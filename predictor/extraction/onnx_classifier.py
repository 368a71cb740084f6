"""OnnxClassifier: ONNX graphs that put out one row of logits for each text."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from predictor.errors import RefusedError
from predictor.extraction.backend import Runtime
from predictor.extraction.onnx_backend import feeds_of, open_session
from predictor.extraction.onnx_graph import FLOATS, open_graph
from predictor.models.artefact import Artefact


class OnnxClassifier:
    """See `predictor.extraction.backend.Classifier`.

    Its output is the one called `logits`, else the only one of shape (rows, outputs), as a trial run on two rows of
    five tokens shows.
    """

    def __init__(self, artefact: Artefact, runtime: Runtime) -> None:
        graph = open_graph(artefact.path)
        self._session = open_session(graph, runtime)
        self._inputs = {one.name: one for one in self._session.get_inputs()}
        self.positions: int | None = graph.positions
        self.vocabulary: int | None = graph.vocabulary
        own = {name for found in graph.candidates.values() for name in found}
        names = [one.name for one in self._session.get_outputs() if one.type in FLOATS and one.name not in own]
        ids = np.arange(10, dtype=np.int64).reshape(2, 5) % max(2, graph.vocabulary or 10)
        shapes = {name: self._run(name, ids, np.ones_like(ids)).shape for name in names}
        flat = [name for name, shape in shapes.items() if len(shape) == 2 and shape[0] == 2]
        chosen = [name for name in flat if name == "logits"] or flat
        if len(chosen) != 1:
            raise RefusedError(
                f"{artefact.path.name} has no output that could be a classifier's: one of shape (rows, classes), "
                f"called logits where there are several; it has {', '.join(names) or 'none'}.",
                reason="NO_CLASSIFIER",
                field="model",
            )
        self._output = chosen[0]
        self.outputs = int(shapes[self._output][1])

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Classifier`."""
        return self._run(self._output, ids, mask)

    def _run(self, name: str, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float64]:
        try:
            return np.asarray(self._session.run([name], feeds_of(self._inputs, ids, mask))[0], dtype=np.float64)
        except onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException as error:
            if "alloc" not in str(error).lower():
                raise
            raise MemoryError(str(error)) from error
