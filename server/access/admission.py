"""Admission: who may start a call, decided before its message is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from predictor.errors import LimitError
from server.access.caller import current_tenant
from server.access.rates import Rates
from server.config import Limits
from server.durable.watchers import stopping


class BusyError(LimitError):
    """The server has as much as it takes for now; asking again after `retry_seconds` may succeed."""

    def __init__(self, message: str, *, reason: str, retry_seconds: float = 1.0, field: str | None = None) -> None:
        super().__init__(message, reason=reason, field=field)
        self.retry_seconds = retry_seconds


@dataclass
class _Gate:
    """Calls of one kind: at most `max_calls` of them, those counted by `waiting` included."""

    what: str
    max_calls: int
    reason: str
    waiting: Callable[[], int]
    inside: int = 0


class Admission:
    """Counts the calls inside, by kind, and refuses more than the limits. Health and reflection never pass here."""

    def __init__(self, limits: Limits, queued: Callable[[], int]) -> None:
        self._retry_seconds = limits.retry_seconds
        self._rates = Rates(limits.tenant_calls_per_second)
        watches = _Gate("open watches and waits", limits.max_open_watches, "TOO_MANY_WATCHES", lambda: 0)
        transfers = _Gate("transfers at once", limits.max_open_transfers, "TOO_MANY_TRANSFERS", lambda: 0)
        self._gates = {
            "/w2s.v1.CalibrationService/FitCalibration": _Gate(
                "fits at once", limits.max_predict_waiting, "FIT_BUSY", lambda: 0
            ),
            "/w2s.v1.FeatureService/UploadFeatures": transfers,
            "/w2s.v1.FeatureService/DownloadFeatures": transfers,
            "/w2s.v1.PartService/UploadPart": transfers,
            "/w2s.v1.RankingService/CreateRankingJob": _Gate(
                "waiting jobs", limits.max_queued_jobs, "QUEUE_FULL", queued
            ),
            "/w2s.v1.PredictorService/Predict": _Gate(
                "predictions at once", limits.max_predict_waiting, "PREDICT_BUSY", lambda: 0
            ),
            "/w2s.v1.RankingService/WatchRankingJob": watches,
            "/w2s.v1.RankingService/WaitRankingJob": watches,
        }
        self._stopped = False

    def stop(self) -> None:
        """Admit nobody from now on."""
        self._stopped = True

    @contextmanager
    def enter(self, method: str) -> Iterator[None]:
        """Hold a place for one call.

        Raises:
            BusyError: there is none.
            UnavailableError: the server is being stopped.
        """
        if self._stopped:
            raise stopping()
        pause = self._rates.take(current_tenant())
        if pause:
            raise BusyError(
                f"you make more calls a second than this server takes of one tenant; ask again in {pause:.3g} s.",
                reason="TENANT_RATE",
                retry_seconds=pause,
            )
        gate = self._gates.get(method)
        if gate is None:
            yield
            return
        if gate.waiting() + gate.inside >= gate.max_calls:
            raise BusyError(
                f"this server takes {gate.max_calls} {gate.what} and has as many; ask again in "
                f"{self._retry_seconds:g} s.",
                reason=gate.reason,
                retry_seconds=self._retry_seconds,
            )
        gate.inside += 1
        try:
            yield
        finally:
            gate.inside -= 1
