"""Watchers: who watches which job, and what changed since they last looked."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace

from predictor.errors import UnavailableError
from predictor.results.job import Job
from predictor.steps import Progress

_BUFFERED = 256
"""Changes buffered for each job; a watcher that falls behind by more skips the oldest."""


class Channel:
    """The latest changes of one job that has not finished."""

    def __init__(self, job: Job) -> None:
        self.changed = asyncio.Event()
        self._jobs: deque[Job] = deque([job], maxlen=_BUFFERED)

    @property
    def latest(self) -> Job:
        """The job as it last changed."""
        return self._jobs[-1]

    def after(self, revision: int) -> list[Job]:
        """The buffered changes with a later revision, oldest first."""
        return [job for job in self._jobs if job.revision > revision]

    def push(self, job: Job) -> None:
        """Add a change, unless a later one is already there, and wake who waits."""
        if job.revision > self.latest.revision:
            self._jobs.append(job)
        self.wake()

    def wake(self) -> None:
        """Let everyone look again."""
        woken, self.changed = self.changed, asyncio.Event()
        woken.set()


class Watchers:
    """Channels of the jobs that have not finished; memory is bounded by their number."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self.stopped = False

    @property
    def names(self) -> list[str]:
        """Ids of the jobs that have channels."""
        return list(self._channels)

    def open(self, job: Job) -> Channel:
        """The channel of a job that has not finished."""
        return self._channels.setdefault(job.id, Channel(job))

    def publish(self, job: Job) -> None:
        """Publish a committed change; a terminal one closes the channel."""
        channel = self.open(job)
        channel.push(job)
        if job.finished:
            del self._channels[job.id]

    def step(self, name: str, progress: Progress) -> None:
        """Publish a step of a running job. Steps are not committed: a restart forgets them."""
        channel = self._channels.get(name)
        if channel is not None and channel.latest.state == "RUNNING":
            latest = channel.latest
            channel.push(replace(latest, revision=latest.revision + 1, progress=progress))

    def overlay(self, job: Job) -> Job:
        """The job as committed, or with the steps since."""
        channel = self._channels.get(job.id)
        return channel.latest if channel is not None and channel.latest.revision > job.revision else job

    def stop(self) -> None:
        """End every watch with a status that asks to resume."""
        self.stopped = True
        for channel in self._channels.values():
            channel.wake()

    def check(self) -> None:
        """Raise once the server stops.

        Raises:
            UnavailableError: it does.
        """
        if self.stopped:
            raise stopping()


def stopping() -> UnavailableError:
    """The error for callers of a server that is being stopped."""
    return UnavailableError(
        "the server is being stopped; jobs are stored. Ask again, watching after the last revision seen, once it is "
        "back.",
        reason="SERVER_STOPPING",
    )
