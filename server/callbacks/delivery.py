"""CallbackDelivery: sends what ended jobs have to report, again and again up to a bound, across restarts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from predictor.errors import W2SError
from server.callbacks.hosts import CallbackHosts
from server.callbacks.sender import post
from server.callbacks.signature import headers, secret_of
from server.config import Limits
from server.durable.callbacks import Callback, settle_callback, take_callback
from server.durable.job_service import JobService
from server.telemetry.logs import log, log_error
from server.telemetry.metrics import Metrics

_LOOK_SECONDS = 0.5
_AT_ONCE = 8
_TENANT_AT_ONCE = 2
"""So that a receiver that never answers holds up its own tenant only."""


class CallbackDelivery:
    """Takes callbacks that are due, and sends each in a task of its own.

    A callback is taken by writing the time of its next attempt first: a server that dies in between costs that pause,
    and one that dies after the receiver's answer repeats the callback, under the same id.
    """

    def __init__(
        self, job_service: JobService, hosts: CallbackHosts, key: bytes, limits: Limits, metrics: Metrics
    ) -> None:
        self._jobs = job_service
        self._hosts = hosts
        self._key = key
        self._limits = limits
        self._metrics = metrics
        self._sending: Counter[str] = Counter()

    async def run(self) -> None:
        """Deliver until cancelled; nothing where no host may be called."""
        async with asyncio.TaskGroup() as group:
            while self._hosts.entries:
                try:
                    taken = await self._next()
                except W2SError as error:  # the database, for a while
                    log_error("callbacks_wait", error)
                    taken = None
                if taken is None:
                    await asyncio.sleep(_LOOK_SECONDS)
                else:
                    self._sending[taken.tenant] += 1
                    group.create_task(self._deliver(taken))

    async def _next(self) -> Callback | None:
        if self._sending.total() >= _AT_ONCE:
            return None
        busy = [tenant for tenant, count in self._sending.items() if count >= _TENANT_AT_ONCE]
        return await self._jobs.ask(lambda table: take_callback(table.store, self._limits.callback_retry_seconds, busy))

    async def _deliver(self, callback: Callback) -> None:
        result = "failed"
        try:
            result = await self._result(callback)
            if result != "failed":
                await self._jobs.ask(lambda table: settle_callback(table.store, callback))
        except W2SError as error:  # the database: it is sent again
            log_error("callbacks_wait", error)
        finally:
            self._sending[callback.tenant] -= 1
            self._metrics.callback(result)
            log("callback", job=callback.job, attempt=callback.attempts, result=result)

    async def _result(self, callback: Callback) -> str:
        """`delivered`, `failed` where it is to be tried again, or `given_up`."""
        signed = headers(secret_of(self._key, callback.tenant), callback.job, round(time.time()), callback.body)
        try:
            status = await post(self._hosts, callback.url, signed, callback.body, self._limits.callback_seconds)
        except W2SError:
            status = 0
        if 200 <= status < 300:
            return "delivered"
        return "given_up" if callback.attempts >= self._limits.callback_attempts or status == 410 else "failed"
