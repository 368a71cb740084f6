"""Admission: who may start a call, decided before its message is read."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from predictor.errors import LimitError
from server.access.caller import LOCAL, current_tenant
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
    """Calls of one kind: at most `max_calls`, those counted by `waiting` included, and `share` of them for one tenant.

    A share of 0 is half of them.
    """

    what: str
    max_calls: int
    reason: str
    waiting: Callable[[], int]
    share: int = 0
    inside: int = 0
    by_tenant: Counter[str] = field(default_factory=Counter)

    def check(self, tenant: str, retry_seconds: float) -> None:
        """Refuse a call for which there is no place.

        Raises:
            BusyError: none of all, or none of the tenant's half; this machine's own user has all.
        """
        if self.waiting() + self.inside >= self.max_calls:
            raise BusyError(
                f"this server takes {self.max_calls} {self.what} and has as many; ask again in {retry_seconds:g} s.",
                reason=self.reason,
                retry_seconds=retry_seconds,
            )
        share = self.max_calls if tenant == LOCAL else self.share or max(1, self.max_calls // 2)
        if self.by_tenant[tenant] >= share:
            raise BusyError(
                f"this server takes {share} {self.what} of one tenant, and you have as many; ask again in "
                f"{retry_seconds:g} s.",
                reason="TENANT_SHARE",
                retry_seconds=retry_seconds,
            )

    @contextmanager
    def place(self, tenant: str) -> Iterator[None]:
        """Hold a place during the block."""
        self.inside += 1
        self.by_tenant[tenant] += 1
        try:
            yield
        finally:
            self.inside -= 1
            self.by_tenant[tenant] -= 1
            if not self.by_tenant[tenant]:
                del self.by_tenant[tenant]


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
        self._others = _Gate("calls at once", sys.maxsize, "", lambda: 0, limits.tenant_open_calls or sys.maxsize)
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
        gate = self._gates.get(method, self._others)
        tenant = current_tenant()
        gate.check(tenant, self._retry_seconds)
        with gate.place(tenant):
            yield
