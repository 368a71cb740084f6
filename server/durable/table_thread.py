"""TableThread: the one thread that owns the store of the jobs."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from server.config import Limits
from server.durable.jobs import JobTable
from server.durable.store import Store, open_store
from server.durable.watchers import stopping

T = TypeVar("T")


class TableThread:
    """Runs steps on the jobs one after the other: the server's own first, then those of tenants by turns.

    Hundreds of steps of one tenant delay one of another by one step.

    Attributes:
        store, table: once it is open; for steps only.
    """

    store: Store
    table: JobTable

    def __init__(self, place: Path | str, limits: Limits, owner: str) -> None:
        self._place = place
        self._limits = limits
        self._owner = owner
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="w2s-jobs")
        self._closed = False
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = {}

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
        await asyncio.wrap_future(self._thread.submit(self.store.close))
        self._closed = True
        self._thread.shutdown()

    async def run(self, step: Callable[[], T], tenant: str = "") -> T:
        """What the step returns."""
        return await asyncio.wrap_future(self.submit(step, tenant))

    def submit(self, step: Callable[[], T], tenant: str = "") -> Future[T]:
        """The future of a step, on behalf of a tenant or of the server itself.

        Raises:
            UnavailableError: the server has stopped.
        """
        if self._closed:
            raise stopping()
        done: Future[T] = Future()
        with self._lock:
            self._waiting.setdefault(tenant, deque()).append((done, step))
        self._thread.submit(self._next)
        return done

    def _next(self) -> None:
        """Run one step of those that wait, as many as there were calls of this."""
        with self._lock:
            tenant = "" if "" in self._waiting else next(iter(self._waiting))
            queue = self._waiting.pop(tenant)
            done, step = queue.popleft()
            if queue:
                self._waiting[tenant] = queue  # behind the others
        if not done.set_running_or_notify_cancel():
            return
        try:
            result = step()
        except BaseException as error:  # it belongs to whoever waits
            done.set_exception(error)
        else:
            done.set_result(result)
