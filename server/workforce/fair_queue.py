"""FairQueue: which waiting job is next: tenants by fair shares, and within one short jobs first, but not for ever."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from predictor.errors import InputError
from server.durable.rows import Waiting

MIN_COST = 1.0
"""Seconds that every job counts for at least, so that thousands of tiny ones are not free."""


class FairQueue:
    """Start-time fair queueing over declared costs; to be asked by one thread.

    Each tenant has a virtual time, which each of its jobs moves on by cost / weight. The earliest tenant is
    next; one that was idle resumes at the virtual time of the last job started, so it neither saves up shares nor waits
    behind the queues of others. Within a tenant the job with the earliest created + min(cost, overtake) is next: a
    short job passes a long one that was made at most `overtake` before it, and none that is older. A job that lost an
    attempt, and may have ended its worker or the server, comes after those that lost fewer.

    Args:
        overtake_seconds: bound on the age by which a job can be overtaken; 0 for the order of creation.
        weights: shares of tenants, above 0; 1 for those not named.

    Source: Goyal, Vin, Cheng 1996, Start-time fair queuing.
    """

    def __init__(self, overtake_seconds: float, weights: Mapping[str, float] = MappingProxyType({})) -> None:
        self._overtake_seconds = overtake_seconds
        self._weights = weights
        self._now = 0.0
        self._finish: dict[str, float] = {}

    def choose(self, waiting: Sequence[Waiting]) -> Waiting:
        """The next of the waiting jobs, at least one, given in the order of creation; counts it as started."""
        heads: dict[str, Waiting] = {}
        for job in waiting:
            head = heads.get(job.tenant)
            if head is None or self._rank(job) < self._rank(head):
                heads[job.tenant] = job
        chosen = min(heads.values(), key=lambda job: (self._start(job.tenant), *self._rank(job)))
        self._now = self._start(chosen.tenant)
        weight = self._weights.get(chosen.tenant, 1.0)
        self._finish[chosen.tenant] = self._now + max(MIN_COST, chosen.cost) / weight
        # A tenant whose time has passed starts like one that was never here.
        self._finish = {name: time for name, time in self._finish.items() if time > self._now}
        return chosen

    def _start(self, tenant: str) -> float:
        return max(self._now, self._finish.get(tenant, 0.0))

    def _rank(self, job: Waiting) -> tuple[int, float]:
        return job.losses, job.created / 1e6 + min(job.cost, self._overtake_seconds)


def parse_weights(given: Sequence[str]) -> dict[str, float]:
    """Shares by tenant, of `TENANT=NUMBER` texts.

    Raises:
        InputError: another form, or a share that is not above 0.
    """
    found: dict[str, float] = {}
    for text in given:
        tenant, _, number = text.rpartition("=")
        try:
            found[tenant] = float(number)
        except ValueError:
            found[tenant] = 0.0
        if not tenant or not math.isfinite(found[tenant]) or found[tenant] <= 0:
            raise InputError(
                f"tenant weight {text!r} must be TENANT=NUMBER with a number above 0, as in alice=2.",
                reason="BAD_WEIGHT",
                field="tenant_weight",
            )
    return found
