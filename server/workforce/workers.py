"""JobWorkers: gives waiting jobs to worker processes, and sees every attempt to its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from predictor.errors import W2SError
from protos import convert
from protos.w2s.v1 import ranking_pb2
from server.config import Limits
from server.durable.job_service import JobService
from server.durable.losses import worker_lost
from server.durable.rows import Attempt, StoredJob
from server.telemetry.logs import log, log_error
from server.telemetry.metrics import JobClock, Metrics
from server.telemetry.traces import JobTrace, Traces
from server.workforce.candidate_clock import CandidateClock, History, Loss
from server.workforce.fair_queue import FairQueue
from server.workforce.frames import Tag
from server.workforce.outcome import outcome_of, took_too_long
from server.workforce.priorities import Priorities
from server.workforce.process import WorkerLostError, WorkerProcess
from server.workforce.worker_plan import Share

_PAUSE = 1.0
"""Seconds before a step is tried again that the disk or the system refused."""


class JobWorkers:
    """One worker a slot, each at one job at a time.

    Args:
        job_service: the jobs.
        limits: of the server.
        metrics: what is counted.
        shares: the slots.
        queue: picks the next job.
        traces: of the attempts.
        priorities: of the worker processes.
    """

    def __init__(
        self,
        job_service: JobService,
        limits: Limits,
        metrics: Metrics,
        shares: Sequence[Share],
        queue: FairQueue,
        traces: Traces,
        priorities: Priorities,
    ) -> None:
        self._priorities = priorities
        self._traces = traces
        self._shares = shares
        self._queue = queue
        self._jobs = job_service
        job_service.cancelling = self.cancel
        self._limits = limits
        self._metrics = metrics
        self._running: dict[str, WorkerProcess] = {}
        self._computing: dict[tuple[str, int], WorkerProcess] = {}
        self._busy: set[int] = set()
        self._unwanted: set[str] = set()
        self._slots: list[asyncio.Task[None]] = []
        self._stopping = False
        self._unable: set[int] = set()

    async def able(self) -> bool:
        """Whether some slot can start workers, as far as is known."""
        return len(self._unable) < len(self._shares)

    def start(self) -> None:
        """Start to take jobs."""
        self._slots = [asyncio.create_task(self._serve(share)) for share in self._shares]

    def slots(self) -> tuple[tuple[Share, bool], ...]:
        """Every slot, and whether it is at a job."""
        return tuple((share, share.number in self._busy) for share in self._shares)

    def cancel(self, name: str) -> None:
        """End the worker of a job that is CANCELLING."""
        worker = self._running.get(name)
        if worker is None:
            self._unwanted.add(name)
        else:
            worker.why = "cancelled"
            worker.request_stop(self._limits.cancel_seconds / 2)

    def give_up(self, lost: frozenset[tuple[str, int]]) -> None:
        """End the attempts, by job and epoch, that went elsewhere while this server was silent for a lease."""
        for key, worker in self._computing.items():
            if key in lost:
                worker.why = "overtaken"
                worker.request_stop(0)

    async def stop(self) -> None:
        """Take no more jobs, give running ones `drain_seconds`, and leave the rest to the next server."""
        self._stopping = True
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.drain_seconds
        while self._running and loop.time() < end:
            await asyncio.sleep(0.02)
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)

    async def _serve(self, share: Share) -> None:
        worker: WorkerProcess | None = None
        try:
            while not self._stopping:
                try:
                    worker = await self._ready(worker, share)
                    self._unable.discard(share.number)
                    await self._jobs.wait_for_work()
                    if not worker.usable:
                        continue
                    attempt = await self._jobs.claim(self._queue.choose)
                except Exception as error:  # the boundary of a slot: after any error the slot goes on
                    known = isinstance(error, W2SError | WorkerLostError | OSError)
                    log_error("slot_waits" if known else "internal_error", error)
                    if isinstance(error, WorkerLostError | OSError):
                        self._unable.add(share.number)
                    await asyncio.sleep(_PAUSE)
                    continue
                if attempt is not None:
                    self._busy.add(share.number)
                    try:
                        await self._attempt(worker, attempt, share)
                    except Exception as error:  # the same boundary: a bug costs the attempt
                        log_error("internal_error", error, job=attempt.row.job.id)
                        await worker.stop(0)
                        await self._finish(attempt, Loss("", "CANDIDATE_LOST"))
                    finally:
                        self._busy.discard(share.number)
        finally:
            if worker is not None:
                await worker.stop(0)

    async def _ready(self, worker: WorkerProcess | None, share: Share) -> WorkerProcess:
        """The same worker, or a fresh one where it ended, served its number of jobs or has grown too large."""
        if worker is not None:
            max_rss = self._limits.worker_rss_bytes
            if (
                worker.usable
                and worker.answered < self._limits.worker_jobs
                and not 0 < max_rss < worker.resident_bytes()
            ):
                return worker
            why = "worn" if worker.usable else worker.why
            self._metrics.worker_replaced(why)
            log("worker_replaced", worker=worker.pid, why=why)
            await worker.stop(0)
        fresh = await WorkerProcess.start(self._limits, share, self._priorities)
        log("worker_started", worker=fresh.pid, slot=share.number, device=share.device)
        return fresh

    async def _attempt(self, worker: WorkerProcess, attempt: Attempt, share: Share) -> None:
        job, state = attempt.row.job, "QUEUED"
        name = job.id
        trace = self._traces.job(
            name, attempt.trace, attempt=job.attempts, slot=share.number, created=job.created.timestamp()
        )
        self._running[name] = worker
        try:
            if name in self._unwanted:
                worker.request_stop(0)
            if job.attempts == 1:
                self._metrics.job_waited((datetime.now(UTC) - job.created).total_seconds())
            log("job_started", job=name, attempt=job.attempts, worker=worker.pid)
            key = name, attempt.row.epoch
            self._computing[key] = worker
            try:
                answer = await self._compute(worker, attempt, trace)
            finally:
                del self._computing[key]
            row = await self._finish(attempt, answer)
            state = "CANCELLED" if row is None else row.job.state
            log("job_finished", job=name, state=None if row is None else row.job.state)
        except asyncio.CancelledError:
            await worker.stop(0)
            with contextlib.suppress(W2SError):  # it stays RUNNING on disk, and waits again when a server starts
                await self._jobs.release(attempt, None, self._limits.max_losses)
            log("job_released", job=name)
            raise
        finally:
            trace.end(state)
            if self._running.get(name) is worker:  # else it came back after another server had it
                del self._running[name]
            self._unwanted.discard(name)

    async def _compute(self, worker: WorkerProcess, attempt: Attempt, trace: JobTrace) -> tuple[Tag, bytes] | Loss:
        """The last frame of the worker, that of an error where its time was over, or how it was lost."""
        loop = asyncio.get_running_loop()
        clock, max_seconds = JobClock(self._metrics, loop.time()), self._limits.max_job_seconds
        candidates = CandidateClock(self._limits.max_candidate_seconds, loop.time())
        history = History(attempt.losses > 0, attempt.excluded, self._limits.max_candidate_seconds).write()
        answer: tuple[Tag, bytes] | Loss
        try:
            async with (
                asyncio.timeout(_left(max_seconds, attempt.row.job.deadline)) as whole,
                asyncio.timeout(None) as candidate,
            ):
                async for tag, body in worker.run(attempt.request, attempt.row.tenant, history=history):
                    if tag != "progress":
                        return tag, body
                    step = convert.progress_from_proto(ranking_pb2.Progress.FromString(body))
                    candidate.reschedule(candidates.step(step, loop.time()))
                    clock.step(step, loop.time())
                    trace.phase(step.phase)
                    self._jobs.step(attempt, step)
        except WorkerLostError as error:
            log_error("worker_lost", error, job=attempt.row.job.id, worker=worker.pid)
            answer = Loss(candidates.current, "CANDIDATE_LOST")
        except TimeoutError:
            worker.why = "timeout"
            log("job_too_long", job=attempt.row.job.id, worker=worker.pid)
            answer = (
                took_too_long(max_seconds, attempt.row.job.deadline)
                if whole.expired()
                else Loss(candidates.current, "CANDIDATE_TIMEOUT")
            )
        finally:
            clock.end(loop.time())
        await worker.stop(0)
        return answer

    async def _finish(self, attempt: Attempt, answer: tuple[Tag, bytes] | Loss) -> StoredJob | None:
        """Commit what came of the attempt; None where the job is no longer this attempt's to end."""
        max_losses = self._limits.max_losses
        if isinstance(answer, Loss):
            lost, without = worker_lost(max_losses), answer.exclusion(attempt.losses)
            return await _insist(lambda: self._jobs.release(attempt, lost, max_losses, without))
        state, error, ranking = outcome_of(*answer)
        row = await _insist(lambda: self._jobs.finish(attempt, state, error, ranking))
        return row or await _insist(lambda: self._jobs.release(attempt, None, max_losses))


def _left(max_seconds: float, deadline: datetime | None) -> float | None:
    """Seconds that an attempt has, or None for no bound."""
    bounds = [max_seconds] if max_seconds else []
    if deadline is not None:
        bounds.append(max(0.0, (deadline - datetime.now(UTC)).total_seconds()))
    return min(bounds, default=None)


async def _insist(commit: Callable[[], Awaitable[StoredJob | None]]) -> StoredJob | None:
    """Commit as soon as the disk lets us: a result is not thrown away because the disk was full for a while."""
    while True:
        try:
            return await commit()
        except W2SError as error:
            log_error("commit_waits", error)
            await asyncio.sleep(_PAUSE)
