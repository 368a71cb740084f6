"""JobWatch: calls that wait for a job or watch it, as long as it has not finished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from server.durable.rows import StoredJob
from server.durable.watchers import Channel, Watchers


class JobWatch:
    """Waits and watches of one server.

    Args:
        get: the job of a tenant as it is; raises NotFoundError.
        watchers: the channels that its changes are published on.
    """

    def __init__(self, get: Callable[[str, str], Awaitable[StoredJob]], watchers: Watchers) -> None:
        self._get = get
        self._watchers = watchers

    async def wait(self, tenant: str, name: str, seconds: float) -> StoredJob:
        """The job once it is in a terminal state, or as it is when the time is over.

        Raises:
            NotFoundError: no such job.
            UnavailableError: the server stops first.
        """
        end = asyncio.get_running_loop().time() + seconds
        row, channel = await self._look(tenant, name)
        while channel is not None and not channel.latest.finished:
            self._watchers.check()
            if not await _changed(channel, end - asyncio.get_running_loop().time()):
                break
        return await self._get(tenant, name) if channel is not None else row

    async def watch(self, tenant: str, name: str, revision: int, heartbeat: float) -> AsyncIterator[StoredJob | None]:
        """Every change after a revision up to a terminal state, and None after each `heartbeat` seconds of silence.

        Raises:
            NotFoundError: no such job.
            UnavailableError: the server stops first.
        """
        row, channel = await self._look(tenant, name)
        if channel is None:
            if row.job.revision != revision:
                yield row
            return
        while True:
            changed = channel.changed
            for job in channel.after(revision):
                revision = job.revision
                yield await self._get(tenant, name) if job.finished else replace(row, job=job, ranking=None)
            if channel.latest.finished and channel.latest.revision <= revision:  # else it ended while changes were sent
                return
            self._watchers.check()
            if changed is channel.changed and not await _changed(channel, heartbeat):
                yield None

    async def _look(self, tenant: str, name: str) -> tuple[StoredJob, Channel | None]:
        """The job, and its channel unless it has finished."""
        row = await self._get(tenant, name)
        if row.job.finished:
            return row, None
        channel = self._watchers.open(row.job)
        row = await self._get(tenant, name)
        if row.job.finished:
            self._watchers.publish(row.job)
        return row, None if row.job.finished else channel


async def _changed(channel: Channel, seconds: float) -> bool:
    """True once the channel changes, False when the time is over first."""
    try:
        await asyncio.wait_for(channel.changed.wait(), max(0.0, seconds))
    except TimeoutError:
        return False
    return True
