"""A Dask cluster that runs models: one task for each model and shard of rows, features in the shared store."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor.engines import tasks
from predictor.errors import UnavailableError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.steps import Progress, Steps
from predictor.store.arrays import rows_digest

if TYPE_CHECKING:
    from distributed import Client, Future

SHARD_ROWS = 65_536
"""Rows per task: a quarter of a GB of features at 1,024 dimensions, some minutes of a small encoder on one core."""

POLL_SECONDS = 0.25


class Cluster:
    """Extracts features on the workers of a Dask cluster. Close it to cancel the tasks that are not done.

    Attributes:
        folder: cache folder, seen by every worker under this path.
    """

    def __init__(self, client: Client, folder: Path, shard_rows: int = SHARD_ROWS) -> None:
        self.folder = folder
        self._client = client
        self._shard_rows = shard_rows
        self._stop = f"w2s-stop-{secrets.token_hex(8)}"
        self._futures: list[Future] = []
        self._shards: dict[Pool, list[Future]] = {}

    def extract(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Future:
        """Start extracting all rows by one model; the result is that of `tasks.join`."""
        folder, shards = str(self.folder), self._shards_of(pool)
        parts = [self._submit(tasks.extract, spec, rows, settings, folder, self._stop) for rows in shards]
        joined = self._submit(tasks.join, parts, rows_digest(pool), folder)
        self._futures = [*(one for one in self._futures if not one.done()), joined]
        return joined

    def result(self, future: Future, name: str, total: int = 1) -> Steps[Any]:
        """Wait for a task of the model `name`. Yields several times a second, so that the caller can cancel.

        Raises:
            W2SError: what the task raised.
            UnavailableError: its workers died, or the scheduler cannot be reached.
        """
        from dask.distributed import TimeoutError as StillRunning
        from distributed import wait
        from distributed.client import FutureCancelledError, FuturesCancelledError
        from distributed.scheduler import KilledWorker

        try:
            while not future.done():
                yield Progress(name, "extract", 0, total)
                with suppress(StillRunning):
                    wait([future], timeout=POLL_SECONDS)
            return future.result()
        except KilledWorker as error:
            raise UnavailableError(
                f"{error.allowed_failures + 1} workers died while they worked on {name!r}, most likely for want of "
                "memory; start workers with more of it, or fewer threads each.",
                reason="WORKERS_LOST",
                field=name,
            ) from error
        except (FutureCancelledError, FuturesCancelledError, OSError) as error:
            raise UnavailableError(
                f"the cluster was lost while it worked on {name!r} ({error}); finished shards are stored, so run the "
                "same command again.",
                reason="CLUSTER_LOST",
                field=name,
            ) from error

    def close(self) -> None:
        """Cancel all tasks that are not done."""
        from distributed import Event

        with suppress(OSError, RuntimeError):  # the cluster may have ended already
            if any(not future.done() for future in self._futures):
                Event(self._stop, client=self._client).set()
            self._client.cancel(self._futures, force=True)

    def _shards_of(self, pool: Pool) -> list[Future]:
        if pool not in self._shards:
            rows = len(pool)
            starts = range(0, rows, self._shard_rows)
            cuts = [np.arange(start, min(start + self._shard_rows, rows)) for start in starts]
            parts = [pool] if len(cuts) == 1 else [pool.take(cut) for cut in cuts]
            self._shards[pool] = [self._submit(tasks.shard, part) for part in parts]
        return self._shards[pool]

    def _submit(self, run: Any, *arguments: Any) -> Future:
        return self._client.submit(run, *arguments, pure=False)
