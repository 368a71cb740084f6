"""TenantTurns: a lock whose waiters are served tenant by tenant, so that many calls of one delay another's by one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TenantTurns:
    """One holder at a time. Tenants take turns; calls of one tenant keep their order."""

    def __init__(self) -> None:
        self._taken = False
        self._served = ""
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """Hold the lock during the block."""
        if self._taken:
            await self._wait(tenant)
        self._taken, self._served = True, tenant
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, tenant: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(tenant, turn)
            else:  # it had been given the turn
                self._pass_on()
            raise

    def _forget(self, tenant: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(tenant)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[tenant]

    def _pass_on(self) -> None:
        """Give the lock to the first call of the next tenant, which then goes to the end."""
        while self._waiting:
            tenant = next((one for one in self._waiting if one != self._served), self._served)
            queue = self._waiting.pop(tenant)
            turn = queue.popleft()
            if queue:
                self._waiting[tenant] = queue
            if not turn.done():
                self._served = tenant
                turn.set_result(None)
                return
        self._taken = False
