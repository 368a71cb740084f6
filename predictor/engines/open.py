"""The engine that `--engine` names: this process, or a cluster that runs the models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from predictor.errors import InputError
from predictor.folders import cache_dir
from predictor.query.source import FeatureSource, LabelSource

LOCAL = "local"


@contextmanager
def open_engine(text: str, local: FeatureSource, folder: Path | None = None) -> Iterator[FeatureSource]:
    """A feature source whose models run on the engine; on leaving, what is not done is cancelled.

    Args:
        text: `local`; `dask` for workers on this machine; `dask:HOST:PORT`, `dask:tls://HOST:PORT` or
            `dask:FILE.json` (a scheduler file) for a running cluster.
        local: the source of this process. One of arrays alone is returned as it is.
        folder: cache folder that every worker sees under this path; `predictor.folders.cache_dir()` where None.

    Raises:
        InputError: another text.
        UnavailableError: the package is missing, nothing answers there, or a worker does not see the folder.
    """
    kind, _, address = text.partition(":")
    if text == LOCAL:
        yield local
        return
    if kind != "dask" or (text.endswith(":") and not address):
        raise InputError(
            f"engine {text!r} is not known; give local, dask, or dask:ADDRESS with the address of a scheduler, as in "
            "dask:10.0.0.1:8786.",
            reason="BAD_ENGINE",
            field="engine",
        )
    from predictor.engines.cluster_source import ClusterSource
    from predictor.engines.connection import open_cluster

    with open_cluster(address, folder or cache_dir()) as cluster:
        yield ClusterSource(cluster, local, local) if isinstance(local, LabelSource) else local
