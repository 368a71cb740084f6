"""Choice: the engine that `--engine` names, opened for one ranking and closed after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from predictor.engines.engine import HERE, Engine
from predictor.errors import InputError
from predictor.folders import cache_dir

LOCAL = "local"


@contextmanager
def open_engine(text: str = LOCAL, folder: Path | None = None) -> Iterator[Engine]:
    """The engine that `--engine` names, closed and its work cancelled on leaving.

    Args:
        text: `local`; `dask` for workers on this machine; `dask:HOST:PORT`, `dask:tls://HOST:PORT` or
            `dask:FILE.json` (a scheduler file) for a running cluster.
        folder: cache folder that every worker sees under this path; `predictor.folders.cache_dir()` where None.

    Raises:
        InputError: another text.
        UnavailableError: the package is missing, nothing answers there, or a worker does not see the folder.
    """
    kind, _, address = text.partition(":")
    if text == LOCAL:
        yield HERE
        return
    if kind != "dask" or (text.endswith(":") and not address):
        raise InputError(
            f"engine {text!r} is not known; give local, dask, or dask:ADDRESS with the address of a scheduler, as in "
            "dask:10.0.0.1:8786.",
            reason="BAD_ENGINE",
            field="engine",
        )
    from predictor.engines.cluster import open_cluster

    with open_cluster(address, folder or cache_dir()) as cluster:
        yield cluster
