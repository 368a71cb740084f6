"""StaticBackend: one vector per token, looked up and pooled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.extraction.backend import LayerPooling, Runtime, Vectors
from predictor.extraction.pooling import pool
from predictor.models.artefact import Artefact
from predictor.store.arrays import check_features, read_array


class StaticBackend:
    """An embedding table. It has one layer, 0."""

    def __init__(self, artefact: Artefact, runtime: Runtime) -> None:
        """The runtime is not used: a table is looked up in fp32 on the CPU."""
        path = artefact.path
        if path.is_dir():
            path = next(iter(sorted(path.glob("*.safetensors"))))
        locator = f"{path}::{artefact.key}" if artefact.key else str(path)
        self._table = check_features(read_array(locator).values, str(path))
        self.architecture = "static embeddings"
        self.layers = 0
        self.shown: tuple[int, ...] = (0,)
        self.width = int(self._table.shape[1])
        self.parameters = int(self._table.size)
        self.positions: int | None = None
        self.vocabulary: int | None = len(self._table)

    def forward(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], outputs: tuple[LayerPooling, ...]
    ) -> dict[LayerPooling, Vectors]:
        """See `Backend`."""
        states, weights = self._table[ids], mask.astype(np.float32)
        return {output: np.asarray(pool(states, weights, output.pooling), dtype=np.float32) for output in outputs}
