"""JobService: the jobs as the event loop sees them. One thread owns the table; watchers get what it commits."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from predictor.errors import LimitError, W2SError
from predictor.results.job import JobState
from predictor.steps import Progress
from server.access.fair_threads import FairThreads
from server.config import Limits
from server.durable.job_watch import JobWatch
from server.durable.jobs import JobTable
from server.durable.listing import Listing
from server.durable.reserve import DiskReserve
from server.durable.rows import Attempt, Declared, Exclusion, StoredJob, Waiting, oldest
from server.durable.store import open_store
from server.durable.watchers import Watchers, stopping
from server.telemetry.logs import log_error

T = TypeVar("T")


class JobService:
    """Durable jobs with their watchers.

    Args:
        place: file of the jobs, or URL of their database; see `server.durable.store.open_store`.
        limits: of the server.
        reserve: space for deletions on a full disk, or None.

    Attributes:
        cancelling: called with the id of a job that runs and is to stop.
        queued: jobs that wait for a worker, as of the last committed change.
        name: of this server, among those that share the database.
        recovered: counts of jobs that waited again, and that were cancelled, when the service was opened.
    """

    def __init__(self, place: Path | str, limits: Limits, reserve: DiskReserve | None = None) -> None:
        self.name = secrets.token_hex(8)
        self._reserve = reserve
        self._thread = FairThreads(1, "w2s-jobs")
        self._open_table = lambda: JobTable(open_store(place), limits, self.name)
        self._closed = False
        self._watchers = Watchers()
        self._watch = JobWatch(self.get, self._watchers)
        self._work = asyncio.Event()
        self.cancelling: Callable[[str], None] = lambda name: None
        self.queued = 0
        self.recovered = (0, 0)
        self._recovered = False
        self._held: dict[str, int] = {}

    async def open(self) -> None:
        """Open the table and recover the jobs of an earlier process.

        On a full disk jobs of an earlier process are recovered later, before any is started.

        Raises:
            RefusedError: another process has locked it.
            LimitError, UnavailableError: it cannot be made or written.
        """

        self._table = await asyncio.wrap_future(self._thread.submit(self._open_table))
        try:
            await self.ask(self._recover)
        except LimitError as error:
            log_error("storage_full_at_start", error)
        self.queued = await self.ask(JobTable.queued)
        if self.queued or not self._recovered:
            self._work.set()

    async def close(self) -> None:
        """Close the table, after the steps that wait."""
        await asyncio.wrap_future(self._thread.last(self._table.store.close))
        self._closed = True
        self._thread.shutdown()

    def stop(self) -> None:
        """End every watch and every wait with a status that asks to resume."""
        self._watchers.stop()

    async def create(
        self,
        tenant: str,
        request_id: str,
        request: bytes,
        declared: Declared | None = None,
        attached: bytes = b"",
    ) -> StoredJob:
        """See JobTable.create."""
        return await self._change(lambda: self._table.create(tenant, request_id, request, declared, attached))

    async def repeat(self, tenant: str, request_id: str, name: str, declared: Declared | None = None) -> StoredJob:
        """See JobTable.repeat."""
        return await self._change(lambda: self._table.repeat(tenant, request_id, name, declared))

    async def get(self, tenant: str, name: str) -> StoredJob:
        """One job, with the last step of a running one. See JobTable.get."""
        row = await self.ask(lambda table: table.get(tenant, name))
        return replace(row, job=self._watchers.overlay(row.job))

    async def page(self, tenant: str, size: int, after: str, listing: Listing) -> list[StoredJob]:
        """See JobTable.page."""
        rows = await self.ask(lambda table: table.page(tenant, size, after, listing))
        return [replace(row, job=self._watchers.overlay(row.job)) for row in rows]

    async def cancel(self, tenant: str, name: str) -> StoredJob:
        """See JobTable.cancel."""
        return await self._change(lambda: self._table.cancel(tenant, name))

    async def delete(self, tenant: str, name: str) -> None:
        """See JobTable.delete. On a full disk it gives up the reserve, so that room can be made."""

        def delete(table: JobTable) -> None:
            try:
                table.delete(tenant, name)
            except LimitError:
                if self._reserve is None:
                    raise
                self._reserve.release()
                table.delete(tenant, name)

        await self.ask(delete)

    async def claim(self, choose: Callable[[Sequence[Waiting]], Waiting] = oldest) -> Attempt | None:
        """See JobTable.claim; `choose` is called in the thread that owns the table."""

        def claim(table: JobTable) -> tuple[Attempt | None, int]:
            self._recover(table)
            return table.claim(choose), table.queued()

        attempt, self.queued = await self.ask(claim)
        if attempt is not None:
            self._held[attempt.row.job.id] = attempt.row.epoch
            self._watchers.publish(attempt.row.job)
        if attempt is None or self.queued == 0:
            self._work.clear()
        return attempt

    async def finish(
        self, attempt: Attempt, state: JobState, error: W2SError | None, ranking: bytes | None
    ) -> StoredJob | None:
        """See JobTable.finish."""
        row = await self._change(lambda: self._table.finish(attempt, state, error, ranking))
        if row is not None:
            self._let_go(attempt)
        return row

    async def release(
        self, attempt: Attempt, lost: W2SError | None, max_losses: int, exclusion: Exclusion | None = None
    ) -> StoredJob | None:
        """See JobTable.release."""
        row = await self._change(lambda: self._table.release(attempt, lost, max_losses, exclusion))
        self._let_go(attempt)
        return row

    @property
    def shared(self) -> bool:
        """Whether other servers may take jobs from the same database."""
        return self._table.store.shared

    async def renew(self) -> frozenset[tuple[str, int]]:
        """Extend the leases of the jobs that this server is at; returns ids and epochs of those that it has lost."""
        held = frozenset(self._held.items())
        rows = await self.ask(lambda table: table.renew([name for name, _ in held]))
        return held - {(row.job.id, row.epoch) for row in rows}

    async def end_overdue(self) -> int:
        """See JobTable.end_overdue; returns how many."""
        rows = await self.ask(JobTable.end_overdue)
        for row in rows:
            self._watchers.publish(row.job)
        return len(rows)

    async def take_over(self) -> int:
        """Settle the jobs of servers whose lease is over; returns how many. See JobTable.take_over."""
        rows, self.queued = await self.ask(lambda table: (table.take_over(), table.queued()))
        for row in rows:
            self._watchers.publish(row.job)
        return len(rows)

    async def follow(self) -> None:
        """Let watchers and waiting workers know of what other servers have committed."""
        names = self._watchers.names
        rows, self.queued = await self.ask(lambda table: (table.look(names) if names else [], table.queued()))
        for row in rows:
            self._watchers.publish(row.job)
            if row.job.state == "CANCELLING" and row.owner == self.name and row.job.id in self._held:
                self.cancelling(row.job.id)
        if self.queued:
            self._work.set()

    def _let_go(self, attempt: Attempt) -> None:
        if self._held.get(attempt.row.job.id) == attempt.row.epoch:  # else it came back after another server had it
            del self._held[attempt.row.job.id]

    def step(self, attempt: Attempt, progress: Progress) -> None:
        """Publish a step of a running job."""
        self._watchers.step(attempt.row.job.id, progress)

    async def wait_for_work(self) -> None:
        """Return once a job waits for a worker."""
        await self._work.wait()

    async def wait(self, tenant: str, name: str, seconds: float) -> StoredJob:
        """See JobWatch.wait."""
        return await self._watch.wait(tenant, name, seconds)

    def watch(self, tenant: str, name: str, revision: int, heartbeat: float) -> AsyncIterator[StoredJob | None]:
        """See JobWatch.watch."""
        return self._watch.watch(tenant, name, revision, heartbeat)

    async def _change(self, act: Callable[[], T]) -> T:
        """Run a committing step, then publish it, also where its caller goes away during the commit."""
        doing = self._submit(lambda: (act(), self._table.queued()))
        done = asyncio.wrap_future(doing)
        try:
            result, queued = await asyncio.shield(done)
        except asyncio.CancelledError:
            if not doing.cancel():
                done.add_done_callback(self._publish_later)
            raise
        self._publish(result, queued)
        return result

    def _publish_later(self, done: asyncio.Future[tuple[Any, int]]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._publish(*done.result())

    def _publish(self, result: Any, queued: int) -> None:
        """Let watchers, the job's worker and waiting workers know of a committed step."""
        self.queued = queued
        if isinstance(result, StoredJob):
            self._watchers.publish(result.job)
            if result.job.state == "CANCELLING" and result.owner == self.name:
                self.cancelling(result.job.id)
        if queued:
            self._work.set()

    def _recover(self, table: JobTable) -> None:
        """Recover the jobs of an earlier process, once, before any job is started."""
        if not self._recovered:
            self.recovered = table.recover()
            self._recovered = True

    async def ask(self, step: Callable[[JobTable], T]) -> T:
        """What a step on the table returns.

        Raises:
            UnavailableError: the server has stopped, or the store is away.
        """
        return await asyncio.wrap_future(self._submit(lambda: step(self._table)))

    def _submit(self, step: Callable[[], T]) -> Future[T]:
        if self._closed:
            raise stopping()
        return self._thread.submit(step)
