"""FairLock: places whose waiters are served tenant by tenant, so that many calls of one delay another's by one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairLock:
    """So many holders at a time. Tenants take turns; calls of one tenant keep their order."""

    def __init__(self, places: int = 1) -> None:
        self._free = places
        self._served = ""
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def hold(self, tenant: str) -> AsyncIterator[None]:
        """Hold a place during the block."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(tenant)
        self._served = tenant
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
        """Give a place to the first call of the next tenant, which then goes to the end."""
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
        self._free += 1
