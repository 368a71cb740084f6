"""Cluster: candidates × row shards as Dask tasks; features go to the shared store, moments are added as a tree."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from predictor.engines import tasks
from predictor.engines.engine import Aligned
from predictor.engines.extraction import ClusterSource
from predictor.engines.shared_array import Located, locate
from predictor.errors import UnavailableError
from predictor.estimators.problem import Representation
from predictor.folders import replace_file
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSource, LabelSource
from predictor.spectral.kernels import StreamedKernel, streams
from predictor.steps import Progress, Steps

if TYPE_CHECKING:
    from distributed import Client, Future

SHARD_ROWS = 65_536
"""Rows per task: a quarter of a GB of features at 1,024 dimensions, some minutes of a small encoder on one core."""

CONNECT_SECONDS = 20
POLL_SECONDS = 0.25
AHEAD = 4
"""Candidates whose alignment is under way at once, per worker: enough to keep all busy, few enough to hold."""


class DaskEngine:
    """An engine on a running Dask cluster; see `predictor.engines.engine.Engine`. Close it to cancel what is under way.

    Attributes:
        folder: cache folder, seen by every worker under this path.
    """

    def __init__(self, client: Client, folder: Path, shard_rows: int = SHARD_ROWS) -> None:
        self.folder = folder
        self._client = client
        self._shard_rows = shard_rows
        self._stop = f"w2s-stop-{secrets.token_hex(8)}"
        self._futures: list[Future] = []
        self._pools: dict[Pool, list[tuple[int, Future]]] = {}
        self._written: set[Located] = set()
        self._strong: tuple[StreamedKernel, Representation, Located, Future] | None = None
        self._waiting: dict[str, NDArray[np.floating]] = {}
        self._aligning: dict[str, Future] = {}

    def source(self, query: RankingQuery, local: FeatureSource) -> FeatureSource:
        """See `Engine`; arrays are read where they lie, and only models are run by workers."""
        return ClusterSource(self, local) if isinstance(local, LabelSource) else local

    def read(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Future:
        """Start reading all rows by one model; the result is that of `tasks.join`."""
        shards = self._shards(pool)
        folder = str(self.folder)
        parts = [self._submit(tasks.extract, spec, rows, settings, folder, self._stop) for _, rows in shards]
        whole = shards[0][1] if len(shards) == 1 else self._client.scatter(pool, hash=False)
        return self._hold(self._submit(tasks.join, parts, whole, folder))

    def begin(self, strong: Representation, weak: Mapping[str, NDArray[np.floating]]) -> Steps[None]:
        """See `Engine`; pools short enough for `predictor.spectral.kernels` to hold are left to this process."""
        self._strong, self._waiting, self._aligning = None, {}, {}
        if not streams(strong.features):
            return
        place = self._locate(strong.features)
        moments = yield from self.result(
            self._hold(self._tree(tasks.own_moments, tasks.add_own, (place,), len(strong.features))), strong.name
        )
        kernel = StreamedKernel.of(strong.features, moments)
        strong.adopt(kernel)
        basis = self._client.scatter(tasks.Basis.of(kernel), broadcast=True, hash=False)
        self._strong, self._waiting = (kernel, strong, place, basis), dict(weak)

    def aligned(self, name: str) -> Steps[Aligned | None]:
        """See `Engine`."""
        if self._strong is None:
            return None
        self._look_ahead(name)
        if name not in self._aligning:
            return None
        features = self._waiting.pop(name)
        basis, alignment = yield from self.result(self._aligning.pop(name), name)
        return Aligned(basis.kernel(features), alignment)

    def result(self, future: Future, name: str, phase: str = "estimate", total: int = 1) -> Steps[Any]:
        """Wait for a task, yielding now and then, so that whoever follows can leave.

        Raises:
            W2SError: what the task raised.
            UnavailableError: its workers died under it, or the scheduler is gone.
        """
        from dask.distributed import TimeoutError as StillRunning
        from distributed import wait
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker

        while not future.done():
            yield Progress(name, phase, 0, total)
            with suppress(StillRunning):
                wait([future], timeout=POLL_SECONDS)
        try:
            return future.result()
        except KilledWorker as error:
            raise UnavailableError(
                f"{error.allowed_failures + 1} workers died while they worked on {name!r}, most likely for want of "
                "memory; start workers with more of it, or fewer threads each.",
                reason="WORKERS_LOST",
                field=name,
            ) from error
        except (FutureCancelledError, OSError) as error:
            raise UnavailableError(
                f"the cluster was lost while it worked on {name!r} ({error}); what it stored is kept, so run the same "
                "command again.",
                reason="CLUSTER_LOST",
                field=name,
            ) from error

    def close(self) -> None:
        """Cancel everything under way, and remove the copies of arrays that were made for workers."""
        from distributed import Event

        with suppress(OSError, RuntimeError):  # the cluster may be gone already
            if any(not future.done() for future in self._futures):
                Event(self._stop, client=self._client).set()
            self._client.cancel(self._futures, force=True)
        for place in self._written:
            Path(place.path).unlink(missing_ok=True)

    def _shards(self, pool: Pool) -> list[tuple[int, Future]]:
        if pool not in self._pools:
            cuts = [np.arange(*cut) for cut in self._cuts(len(pool))]
            parts = [pool] if len(cuts) == 1 else [pool.take(rows) for rows in cuts]
            self._pools[pool] = [(len(part), self._client.scatter(part, hash=False)) for part in parts]
        return self._pools[pool]

    def _cuts(self, rows: int) -> list[tuple[int, int]]:
        return [(start, min(start + self._shard_rows, rows)) for start in range(0, rows, self._shard_rows)]

    def _look_ahead(self, name: str) -> None:
        """Start this candidate's alignment and some that come after it."""
        if self._strong is None:
            return
        _, strong, place, basis = self._strong
        names = list(self._waiting)
        start = names.index(name) if name in self._waiting else len(names)
        ahead = AHEAD * max(1, len(self._client.nthreads()))
        for other in names[start : start + ahead]:
            features = self._waiting[other]
            if other in self._aligning or len(features) != len(strong.features) or not streams(features):
                continue
            weak = self._locate(features)
            pairs = self._tree(tasks.pair_moments, tasks.add_pairs, (place, weak), len(features))
            self._aligning[other] = self._hold(self._submit(tasks.align, basis, place, weak, pairs))

    def _tree(self, leaf: Callable[..., Any], add: Callable[..., Any], where: tuple[Located, ...], rows: int) -> Future:
        """Leaves over shards, added two by two; submitted depth first, so that few partial sums exist at once."""

        def grow(cuts: list[tuple[int, int]]) -> Future:
            if len(cuts) == 1:
                return self._submit(leaf, *where, *cuts[0])
            middle = len(cuts) // 2
            return self._submit(add, grow(cuts[:middle]), grow(cuts[middle:]))

        return grow(self._cuts(rows))

    def _submit(self, run: Callable[..., Any], *arguments: Any) -> Future:
        return self._client.submit(run, *arguments, pure=False)

    def _hold(self, future: Future) -> Future:
        """Remember the last task of a tree; held ones keep their results on the cluster, so the others are not."""
        self._futures = [*(one for one in self._futures if not one.done()), future]
        return future

    def _locate(self, features: NDArray[np.floating]) -> Located:
        place = locate(features, self.folder / "shared")
        if place.ours:
            self._written.add(place)
        return place


@contextmanager
def open_cluster(address: str, folder: Path) -> Iterator[DaskEngine]:
    """An engine on the cluster at an address, or on workers of this machine where it is empty.

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
    from predictor.extraction.threads import usable_threads

    own = None
    if not address:
        own = LocalCluster(
            n_workers=usable_threads(), threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        )
    try:
        client = _connect(Client, own, address)
        try:
            _check_shared(client, folder)
            engine = DaskEngine(client, folder)
            try:
                yield engine
            finally:
                engine.close()
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
    """Write a word where features will lie, and have every worker read it."""
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
