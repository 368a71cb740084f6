"""FairLock: places whose waiters are served tenant by tenant, so that many calls of one delay another's by one."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.access.caller import LOCAL


class FairLock:
    """So many holders at a time. Tenants take turns; calls of one tenant keep their order.

    Where there are several places, one tenant never holds the last one, so that its long calls do not hold up others.
    The machine's own user, who is alone, may hold all.
    """

    def __init__(self, places: int = 1) -> None:
        self._free = places
        self._share = max(1, places - 1)
        self._all = places
        self._served = ""
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def hold(self, tenant: str) -> AsyncIterator[None]:
        """Hold a place during the block."""
        if self._free and self._may(tenant):
            self._take(tenant)
        else:
            await self._wait(tenant)
        try:
            yield
        finally:
            self._release(tenant)

    def _may(self, tenant: str) -> bool:
        return self._held[tenant] < (self._all if tenant == LOCAL else self._share)

    def _take(self, tenant: str) -> None:
        self._free -= 1
        self._held[tenant] += 1
        self._served = tenant

    async def _wait(self, tenant: str) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._forget(tenant, waiter)
            else:  # the place was already given to this call
                self._release(tenant)
            raise

    def _forget(self, tenant: str, waiter: asyncio.Future[None]) -> None:
        queue = self._waiting.get(tenant)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._waiting[tenant]

    def _release(self, tenant: str) -> None:
        """Give places to the first calls of the next tenants, each of which then goes to the end."""
        self._free += 1
        self._held -= Counter((tenant,))
        while self._free:
            able = [one for one in self._waiting if self._may(one)]
            if not able:
                return
            chosen = next((one for one in able if one != self._served), able[0])
            queue = self._waiting.pop(chosen)
            waiter = queue.popleft()
            if queue:
                self._waiting[chosen] = queue
            if not waiter.done():
                self._take(chosen)
                waiter.set_result(None)
