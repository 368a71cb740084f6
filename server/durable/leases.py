"""Leases: how servers that share a database of jobs tell who is alive, and go on with the jobs of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from predictor.errors import W2SError
from server.config import Limits
from server.durable.job_service import JobService
from server.telemetry.logs import log, log_error

_FOLLOW_SECONDS = 0.25
"""Pause between two looks at what other servers committed."""

_RENEWALS = 5
"""In each lease, so that one that is late costs nothing."""


async def share_jobs(
    job_service: JobService, limits: Limits, give_up: Callable[[frozenset[tuple[str, int]]], None]
) -> None:
    """Renew this server's leases, take over those that are over, and follow other servers, until cancelled.

    Args:
        job_service: the jobs; nothing happens where their database is this server's alone.
        limits: of the server.
        give_up: called with the ids and epochs of the attempts that this server has lost.
    """
    loop, due = asyncio.get_running_loop(), 0.0
    while job_service.shared:
        try:
            if loop.time() >= due:
                give_up(await job_service.renew())
                taken = await job_service.take_over()
                if taken:
                    log("jobs_taken_over", jobs=taken)
                due = loop.time() + limits.lease_seconds / _RENEWALS
            await job_service.follow()
        except W2SError as error:  # the database, for a while
            log_error("share_failed", error)
        await asyncio.sleep(_FOLLOW_SECONDS)
