"""FitWorkers: a worker of its own for every fit of a calibration, while the caller waits."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from google.rpc import status_pb2

from predictor.calibration.calibration import Calibration
from predictor.errors import DeadlineError, UnavailableError, W2SError
from protos import convert
from protos.w2s.v1 import calibration_pb2
from server.access.fair_lock import FairLock
from server.config import Limits
from server.telemetry.logs import log, log_error
from server.workforce.priorities import Priorities
from server.workforce.process import WorkerLostError, WorkerProcess
from server.workforce.worker_plan import Share

_NICENESS = 15
"""A fit is no hurry, and most of its time goes into starting a process: those of one tenant must not slow jobs."""


class FitWorkers:
    """One worker at a time, started for a fit and ended with it; tenants take turns. Predict has its own.

    Fits are rare and read all outcomes of a tenant, so a warm worker would waste memory.
    """

    def __init__(self, limits: Limits, share: Share, priorities: Priorities) -> None:
        self._limits = limits
        self._priorities = priorities
        self._share = replace(share, niceness=_NICENESS)
        self._lock = FairLock()

    async def fit(self, request: bytes, tenant: str) -> Calibration:
        """A calibration of a tenant's outcomes, not yet stored. Cancelling the call ends the computation.

        Args:
            request: a FitCalibrationRequest.
            tenant: whose outcomes the worker reads.

        Raises:
            DeadlineError: it took longer than `max_predict_seconds`.
            UnavailableError: the worker died; asking again may help.
            W2SError: the request cannot be answered.
        """
        max_seconds = self._limits.max_predict_seconds
        async with self._lock.hold(tenant):
            worker = await self._started()
            try:
                async with asyncio.timeout(max_seconds):
                    tag, body = await worker.answer(request, tenant, "fit")
            except TimeoutError as error:
                raise DeadlineError(
                    f"the fit took longer than {max_seconds:g} s; ask the operator to raise the limit "
                    "max_predict_seconds.",
                    reason="FIT_TOO_LONG",
                ) from error
            except WorkerLostError as error:
                log_error("worker_lost", error, worker=worker.pid)
                raise _lost() from error
            finally:
                await worker.stop(0)
        if tag == "error":
            raise convert.error_from_status(status_pb2.Status.FromString(body))
        return convert.calibration_from_proto(calibration_pb2.Calibration.FromString(body))

    async def _started(self) -> WorkerProcess:
        try:
            worker = await WorkerProcess.start(self._limits, self._share, self._priorities)
        except (WorkerLostError, OSError) as error:
            log_error("fit_worker_failed", error)
            raise _lost() from error
        log("fit_worker_started", worker=worker.pid)
        return worker


def _lost() -> W2SError:
    return UnavailableError(
        "the worker that fits died over this call, and nothing was changed; ask again.", reason="WORKER_LOST"
    )
