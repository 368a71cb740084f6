"""TableThread: the one thread that owns the store of the jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from server.access.fair_threads import FairThreads
from server.config import Limits
from server.durable.jobs import JobTable
from server.durable.store import Store, open_store
from server.durable.watchers import stopping

T = TypeVar("T")


class TableThread:
    """Runs steps on the jobs one after the other; see `FairThreads` for their order.

    Attributes:
        store, table: once it is open; for steps only.
    """

    store: Store
    table: JobTable

    def __init__(self, place: Path | str, limits: Limits, owner: str) -> None:
        self._place = place
        self._limits = limits
        self._owner = owner
        self._thread = FairThreads(1, "w2s-jobs")
        self._closed = False

    async def open(self) -> None:
        """Open the store.

        Raises:
            RefusedError, LimitError, UnavailableError: see `open_store`.
        """

        def start() -> None:
            self.store = open_store(self._place)
            self.table = JobTable(self.store, self._limits, self._owner)

        await self.run(start)

    async def close(self) -> None:
        """Close the store, after the steps that wait."""
        await asyncio.wrap_future(self._thread.last(self.store.close))
        self._closed = True
        self._thread.shutdown()

    async def run(self, step: Callable[[], T]) -> T:
        """What the step returns."""
        return await asyncio.wrap_future(self.submit(step))

    def submit(self, step: Callable[[], T]) -> Future[T]:
        """The future of a step.

        Raises:
            UnavailableError: the server has stopped.
        """
        if self._closed:
            raise stopping()
        return self._thread.submit(step)
