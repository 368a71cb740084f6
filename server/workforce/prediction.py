"""PredictWorkers: warm workers for small questions that are answered while the caller waits."""

from __future__ import annotations

import asyncio

from google.rpc import status_pb2

from predictor.errors import DeadlineError, UnavailableError, W2SError
from protos import convert
from protos.w2s.v1 import ranking_pb2
from server.access.fair_lock import FairLock
from server.config import Limits
from server.telemetry.logs import log, log_error
from server.workforce.priorities import Priorities
from server.workforce.process import WorkerLostError, WorkerProcess
from server.workforce.worker_plan import Share


class PredictWorkers:
    """`predict_workers` of them, each at one call at a time. Tenants take turns."""

    def __init__(self, limits: Limits, share: Share, priorities: Priorities) -> None:
        self._lock = FairLock(limits.predict_workers)
        self._all = tuple(_PredictWorker(limits, share, priorities) for _ in range(limits.predict_workers))
        self._idle = list(self._all)

    def start(self) -> None:
        """Have the workers made ready in the background."""
        for worker in self._all:
            worker.start()

    async def stop(self) -> None:
        """End the workers."""
        await asyncio.gather(*(worker.stop() for worker in self._all))

    async def predict(self, request: bytes, tenant: str) -> ranking_pb2.Ranking:
        """The ranking of a tenant's query whose features travel with it. Cancelling the call ends the computation.

        Raises:
            DeadlineError: it took longer than `max_predict_seconds`.
            UnavailableError: the worker died; asking again may help.
            W2SError: the request cannot be answered.
        """
        async with self._lock.hold(tenant):
            worker = self._idle.pop()
            try:
                return await worker.predict(request, tenant)
            finally:
                self._idle.append(worker)


class _PredictWorker:
    """A warm worker that answers one call at a time."""

    def __init__(self, limits: Limits, share: Share, priorities: Priorities) -> None:
        self._limits = limits
        self._priorities = priorities
        self._share = share
        self._worker: WorkerProcess | None = None
        self._warming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Have a worker made ready in the background."""
        self._warming = asyncio.create_task(self._warm())

    async def stop(self) -> None:
        """End the worker."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        if self._worker is not None:
            await self._worker.stop(0)

    async def predict(self, request: bytes, tenant: str) -> ranking_pb2.Ranking:
        """See PredictWorkers."""
        worker = await self._ready()
        try:
            async with asyncio.timeout(self._limits.max_predict_seconds):
                tag, body = await worker.answer(request, tenant, "predict")
        except TimeoutError as error:
            raise DeadlineError(
                f"the prediction took longer than {self._limits.max_predict_seconds} s; create a ranking job instead.",
                reason="PREDICT_TOO_LONG",
            ) from error
        except WorkerLostError as error:
            log_error("worker_lost", error, worker=worker.pid)
            raise _lost() from error
        finally:
            if worker is not self._worker:  # its successor is ready
                worker.request_stop(0)
            elif not worker.idle:
                worker.request_stop(0)
                self.start()
        if tag == "error":
            raise convert.error_from_status(status_pb2.Status.FromString(body))
        return ranking_pb2.Ranking.FromString(body)

    async def _ready(self) -> WorkerProcess:
        """The warm worker; one that died is replaced first, and one that served its number of calls meanwhile."""
        worker = self._worker
        usable = worker is not None and worker.usable
        if worker is None or not usable or worker.answered >= self._limits.worker_jobs:
            if self._warming is None or self._warming.done():
                self.start()
            if self._warming is not None and not usable:
                await asyncio.shield(self._warming)
                worker = self._worker
        if worker is None or not worker.usable:
            raise _lost()
        return worker

    async def _warm(self) -> None:
        try:
            fresh = await WorkerProcess.start(self._limits, self._share, self._priorities)
        except (WorkerLostError, OSError) as error:
            log_error("predict_worker_failed", error)
            return
        log("predict_worker_started", worker=fresh.pid)
        old, self._worker = self._worker, fresh
        if old is not None and old.idle:  # else it ends with its call
            await old.stop(0)


def _lost() -> W2SError:
    return UnavailableError("the worker that predicts died over this call; ask again.", reason="WORKER_LOST")
