"""Readiness: whether jobs can be taken now. It is apart from liveness, which only says that this process answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from predictor.errors import W2SError
from server.telemetry.logs import log

Check = Callable[[], Awaitable[bool]]

_PERIOD = 1.0
_DAMPING = 3
"""Looks that must agree before the answer changes, so that a hiccup takes no server out of a load balancer."""

_MIN_FREE_BYTES = 8 << 20


class HealthService(health.aio.HealthServicer):  # type: ignore[misc]  # grpc ships no types
    """The library's service, with List, which it lacks; the library answers that with the text of its exception."""

    async def List(self, request: health_pb2.HealthListRequest, context: Any) -> health_pb2.HealthListResponse:  # noqa: N802  # RPC name
        """The status of every service."""
        statuses = {name: health_pb2.HealthCheckResponse(status=code) for name, code in self._server_status.items()}
        return health_pb2.HealthListResponse(statuses=statuses)

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> health_pb2.HealthCheckResponse:  # noqa: N802  # RPC name
        """The status of one service."""
        if request.service not in self._server_status:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service; Health/List has their names.")
        return health_pb2.HealthCheckResponse(status=self._server_status[request.service])


class Readiness:
    """Looks at what jobs need, and tells the health service and `/readyz`.

    Args:
        health_service: where the status of `services` is set.
        services: names of the services that need all of it.
        checks: by name; each returns whether its part works.
        report: called after each look with what is there, by name.
    """

    def __init__(
        self,
        health_service: HealthService,
        services: tuple[str, ...],
        checks: Mapping[str, Check],
        report: Callable[[Mapping[str, bool]], None] = lambda ready: None,
    ) -> None:
        self._report = report
        self._health = health_service
        self._services = services
        self._checks = checks
        self._against = dict.fromkeys(checks, 0)
        self.missing: frozenset[str] = frozenset()

    async def watch(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_PERIOD)

    async def look(self) -> None:
        """Look at every part once; what changed is told where the last looks agree."""
        missing = set(self.missing)
        for name, check in self._checks.items():
            works = await _holds(check)
            self._against[name] = self._against[name] + 1 if works == (name in missing) else 0
            if self._against[name] >= _DAMPING:
                self._against[name] = 0
                missing ^= {name}
        self._report({name: name not in missing for name in self._checks})
        if missing != self.missing:
            self.missing = frozenset(missing)
            log("not_ready" if missing else "ready", missing=" ".join(sorted(missing)))
            answers = health_pb2.HealthCheckResponse
            for service in self._services:
                await self._health.set(service, answers.NOT_SERVING if missing else answers.SERVING)


async def _holds(check: Check) -> bool:
    try:
        async with asyncio.timeout(5.0):
            return await check()
    except (W2SError, OSError, TimeoutError):
        return False


def writable(*folders: Path) -> Check:
    """The check that files can be written in the folders."""

    def look() -> bool:
        found = [os.statvfs(folder) for folder in folders]
        return all(one.f_bavail * one.f_frsize >= _MIN_FREE_BYTES and not one.f_flag & os.ST_RDONLY for one in found)

    return lambda: asyncio.to_thread(look)
