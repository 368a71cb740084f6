"""Connection to a Dask cluster, checked to share the cache folder before it is used."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from predictor.engines import tasks
from predictor.engines.cluster import Cluster
from predictor.errors import UnavailableError
from predictor.folders import replace_file

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 20


@contextmanager
def open_cluster(address: str, folder: Path) -> Iterator[Cluster]:
    """The cluster at an address, or workers of this machine where it is empty.

    Raises:
        UnavailableError: the package is missing, nothing answers there, or a worker does not see the folder.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise UnavailableError(
            "the dask engine needs the distributed package: pip install 'w2s-predictor[dask]'.",
            reason="MISSING_PACKAGE",
        ) from error
    from predictor.statistics.threads import usable_threads

    own = None
    if not address:
        own = LocalCluster(
            n_workers=usable_threads(), threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        )
    try:
        client = _connect(Client, own, address)
        try:
            _check_shared(client, folder)
            cluster = Cluster(client, folder)
            try:
                yield cluster
            finally:
                cluster.close()
        finally:
            client.close()
    finally:
        if own is not None:
            own.close()


def _connect(kind: type[Client], own: object, address: str) -> Client:
    try:
        if own is not None:
            return kind(own)
        if address.endswith(".json"):
            return kind(scheduler_file=address, timeout=CONNECT_SECONDS)
        return kind(address if "://" in address else f"tcp://{address}", timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise UnavailableError(
            f"no Dask scheduler answers at {address!r} ({error or 'timed out'}); start one with `dask scheduler`, and "
            "give --engine dask:HOST:PORT.",
            reason="CLUSTER_UNREACHABLE",
            field="engine",
        ) from error


def _check_shared(client: Client, folder: Path) -> None:
    """Write a file where features will be stored, and let every worker read it."""
    word = secrets.token_hex(8)
    path = folder / "shared" / f".{word}"
    replace_file(path, [word.encode("ascii")])
    try:
        seen = client.run(tasks.sees, str(path))
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"a Dask worker cannot import {error.name!r}; install the same w2s-predictor[models] on every worker.",
            reason="WORKER_WITHOUT_PACKAGE",
            field="engine",
        ) from error
    finally:
        path.unlink(missing_ok=True)
    blind = [str(worker) for worker, found in seen.items() if found != word]
    if blind or not seen:
        raise UnavailableError(
            f"{len(blind)} of {len(seen)} Dask workers do not see {str(folder)!r} ({', '.join(blind[:3]) or 'none is '}"
            f"{'' if blind else 'running'}); name a folder on a shared file system with W2S_CACHE_DIR.",
            reason="STORE_NOT_SHARED",
            field="engine",
        )
