"""A cluster of real processes on the loopback, and arrays to rank."""

from __future__ import annotations

import os

import numpy as np
import pytest

from predictor.engines.cluster import Cluster

ROWS = 300


@pytest.fixture(scope="session")
def cluster():
    """Two worker processes; skips where the package is missing."""
    distributed = pytest.importorskip("distributed", reason="pip install 'w2s-predictor[dask]'")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as found:
        yield found


@pytest.fixture
def engine(cluster, tmp_path):
    from distributed import Client

    with Client(cluster) as client:
        made = Cluster(client, tmp_path / "cache")
        yield made
        made.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """s.npy, a.npy, b.npy with more and more noise, flat.npy that never changes; all of ROWS rows."""
    folder = tmp_path_factory.mktemp("long")
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((ROWS, 30)) * np.arange(1, 31) ** -0.5
    for noise, (name, dims) in enumerate((("s", 40), ("a", 24), ("b", 32))):
        values = latent @ rng.standard_normal((30, dims)) + 0.4 * noise * rng.standard_normal((ROWS, dims))
        np.save(folder / f"{name}.npy", (values + 5.0).astype(np.float32))
    np.save(folder / "flat.npy", np.ones((ROWS, 8), np.float32))
    return folder
