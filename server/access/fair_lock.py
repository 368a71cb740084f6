"""FairLock: a lock whose waiters are served tenant by tenant, so that many calls of one delay another's by one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairLock:
    """One holder at a time. Tenants take turns; calls of one tenant keep their order."""

    def __init__(self) -> None:
        self._taken = False
        self._served = ""
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def hold(self, tenant: str) -> AsyncIterator[None]:
        """Hold the lock during the block."""
        if self._taken:
            await self._wait(tenant)
        self._taken, self._served = True, tenant
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, tenant: str) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._forget(tenant, waiter)
            else:  # the lock was already given to this call
                self._pass_on()
            raise

    def _forget(self, tenant: str, waiter: asyncio.Future[None]) -> None:
        queue = self._waiting.get(tenant)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._waiting[tenant]

    def _pass_on(self) -> None:
        """Give the lock to the first call of the next tenant, which then goes to the end."""
        while self._waiting:
            tenant = next((one for one in self._waiting if one != self._served), self._served)
            queue = self._waiting.pop(tenant)
            waiter = queue.popleft()
            if queue:
                self._waiting[tenant] = queue
            if not waiter.done():
                self._served = tenant
                waiter.set_result(None)
                return
        self._taken = False
