"""StaticBackend: one vector per token, looked up and pooled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import RefusedError
from predictor.extraction.backend import LayerPooling, Runtime, Vectors
from predictor.extraction.pooling import pool
from predictor.models.artefact import Artefact
from predictor.models.config_file import read_config
from predictor.query.settings import Pooling
from predictor.store.array_files import read_array, read_tensors
from predictor.store.arrays import check_features


class StaticBackend:
    """An embedding table. It has one layer, 0."""

    def __init__(self, artefact: Artefact, runtime: Runtime) -> None:
        """The runtime is not used: a table is looked up in fp32 on the CPU."""
        path = artefact.path
        if path.is_dir():
            path = next(iter(sorted(path.glob("*.safetensors"))))
        self._table = check_features(_table(path, artefact.key), str(path))
        self._normalize = artefact.path.is_dir() and read_config(artefact.path).get("normalize") is True
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
        return {output: self._pooled(states, weights, output.pooling) for output in outputs}

    def _pooled(self, states: Vectors, weights: Vectors, how: Pooling) -> Vectors:
        found = np.asarray(pool(states, weights, how), dtype=np.float32)
        if self._normalize and how == "mean":  # model2vec's own last step
            found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-32)
        return found


def _table(path: Path, key: str) -> NDArray[Any]:
    """(tokens, d): one tensor, or model2vec's vectors shared by tokens (`mapping`) and scaled by token (`weights`)."""
    tensors = {} if key or path.suffix != ".safetensors" else read_tensors(path)
    if "embeddings" not in tensors or not tensors.keys() <= {"embeddings", "mapping", "weights"}:
        return read_array(f"{path}::{key}" if key else str(path)).values
    table = np.asarray(tensors["embeddings"], dtype=np.float32)
    if "mapping" in tensors:
        mapping = tensors["mapping"].astype(np.int64)
        if mapping.size and not 0 <= mapping.min() <= mapping.max() < len(table):
            raise RefusedError(
                f"{path} maps tokens to vectors {mapping.min()} to {mapping.max()} and contains 0 to {len(table) - 1}; "
                "fetch the file again.",
                reason="WEIGHTS_INCOMPLETE",
                field="model",
            )
        table = table[mapping]
    return table * tensors["weights"].astype(np.float32)[:, None] if "weights" in tensors else table
