"""Background tasks: what the server does beside answering calls."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from predictor.errors import W2SError
from predictor.folders import cache_dir
from predictor.models.temporaries import sweep_leftovers
from predictor.store.stores import stores_in, sweep
from server.config import Limits
from server.durable.clock import SteadyClock
from server.durable.job_service import JobService
from server.durable.jobs import JobTable
from server.durable.reserve import DiskReserve
from server.features.uploads import Uploads
from server.parts.store import PartStore
from server.telemetry.logs import log, log_error
from server.telemetry.metrics import Metrics
from server.usage import TenantUsage
from server.workforce.workers import JobWorkers

_COUNT_SECONDS = 1.0
_SWEEP_SECONDS = 60.0
_EXPIRY_GRACE_SECONDS = 3600.0
_QUARANTINED_SECONDS = 86_400.0
"""Time that a damaged entry is stored for inspection."""


@asynccontextmanager
async def background_tasks(*tasks: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run tasks during the block; one that fails ends the server, since its absence would go unnoticed."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(task) for task in tasks]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


async def forget_old_jobs(job_service: JobService, limits: Limits) -> None:
    """Delete finished jobs whose time is over, until cancelled.

    The clock may have been set ahead: nothing is deleted in the first hour of a server, so that its operator can set it
    back, and a clock that jumps later changes nothing.
    """
    clock = SteadyClock()
    await asyncio.sleep(min(_EXPIRY_GRACE_SECONDS, limits.retention_seconds))
    while limits.retention_seconds:
        try:
            expired = await job_service.ask(partial(JobTable.expire, before=clock.now() - limits.retention_seconds))
            if expired:
                log("jobs_expired", jobs=expired)
        except W2SError as error:  # the disk, for a while
            log_error("sweep_failed", error)
        await asyncio.sleep(min(_SWEEP_SECONDS, limits.retention_seconds / 2))


async def sweep_files(
    job_service: JobService,
    parts: PartStore,
    uploads: Uploads,
    usage: TenantUsage,
    reserve: DiskReserve,
    limits: Limits,
    metrics: Metrics,
) -> None:
    """Drop unused parts, abandoned uploads and unpackings, and features beyond their bounds, again and again.

    Counts the damaged entries that were set aside. Runs until cancelled.
    """
    while True:
        try:
            referenced = await job_service.ask(JobTable.parts)
            freed = await asyncio.to_thread(_sweep, parts, referenced, uploads, limits)
            freed += await usage.trim(await job_service.ask(JobTable.tenants))
            await asyncio.to_thread(reserve.make)
            metrics.damaged(await asyncio.to_thread(_quarantined))
            if freed:
                log("files_swept", bytes=freed)
        except (W2SError, OSError) as error:  # the disk, for a while
            log_error("sweep_failed", error)
        await asyncio.sleep(min(_SWEEP_SECONDS, limits.part_keep_seconds / 2))


def _sweep(parts: PartStore, referenced: set[tuple[str, str]], uploads: Uploads, limits: Limits) -> int:
    uploads.expire()
    freed = parts.sweep(referenced) + sweep_leftovers(cache_dir())
    return freed + sweep(stores_in(cache_dir()), limits.cache_bytes or sys.maxsize, _QUARANTINED_SECONDS)


def _quarantined() -> int:
    return sum(len(list((store.folder / "quarantine").glob("*"))) for store in stores_in(cache_dir()))


async def take_snapshots(job_service: JobService, wanted: asyncio.Event, path: Path) -> None:
    """Copy the jobs to a file each time that it is wanted, until cancelled. See `server.snapshot`."""
    while True:
        await wanted.wait()
        wanted.clear()
        try:
            await job_service.ask(lambda table: table.store.snapshot(path))
            log("snapshot_taken")
        except (W2SError, OSError) as error:
            log_error("snapshot_failed", error)


async def count_jobs(job_service: JobService, metrics: Metrics, state: Path, workers: JobWorkers) -> None:
    """Keep the metrics of jobs, slots and disks, and end waiting jobs whose deadline is over, until cancelled."""
    while True:
        try:
            overdue = await job_service.end_overdue()
            if overdue:
                log("jobs_overdue", jobs=overdue)
            metrics.jobs(await job_service.ask(JobTable.counts))
            slots = workers.slots()
            metrics.slots(sum(busy for _, busy in slots), len(slots))
            for name, folder in (("state", state), ("cache", cache_dir())):
                metrics.free(name, (await asyncio.to_thread(shutil.disk_usage, folder)).free)
        except (W2SError, OSError) as error:
            log_error("count_failed", error)
        await asyncio.sleep(_COUNT_SECONDS)
