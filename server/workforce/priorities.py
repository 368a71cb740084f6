"""Priorities: how nice workers are, by how much their tenants used lately."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

_HALF_SECONDS = 3.0
"""Time after which what a tenant used counts half."""

_GREEDY = 1.5
"""A tenant that used so many times the mean of all is greedy."""

_GREEDY_NICENESS = 10
"""By so much its workers are nicer."""


class Priorities:
    """Seconds of workers that each tenant used lately, for Predict, jobs and fits together.

    Workers of a tenant that uses more than others do are nicer, so that those of the others get the processor first; on
    an idle machine nobody is slower for it. To be less nice again a process needs the right of root, or a limit such as
    LimitNICE of systemd. Where it has neither, all workers stay as nice as they were started.

    Args:
        clock: seconds from any start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: dict[str, float] = {}
        self._counted = clock()
        self._able = True

    def use(self, tenant: str, seconds: float) -> None:
        """Count what a worker has just used for a tenant."""
        now = self._clock()
        kept = 0.5 ** ((now - self._counted) / _HALF_SECONDS)
        self._used = {name: used * kept for name, used in self._used.items() if used * kept > 1e-3}
        self._used[tenant] = self._used.get(tenant, 0.0) + seconds
        self._counted = now

    def greedy(self, tenant: str) -> bool:
        """Whether a tenant uses more than others do."""
        used = self._used
        return self._used.get(tenant, 0.0) > _GREEDY * sum(used.values()) / max(1, len(used))

    def apply(self, group: int, niceness: int, tenant: str) -> None:
        """Make a process group as nice as its tenant's use demands.

        Args:
            group: of the worker.
            niceness: of workers beyond that of this process, where nobody is greedy.
            tenant: whom it works for.
        """
        if not self._able:
            return
        beyond = niceness + _GREEDY_NICENESS * self.greedy(tenant)
        wanted = min(19, os.getpriority(os.PRIO_PROCESS, 0) + beyond)
        with contextlib.suppress(ProcessLookupError):  # it may have ended
            try:
                if os.getpriority(os.PRIO_PGRP, group) != wanted:
                    os.setpriority(os.PRIO_PGRP, group, wanted)
            except PermissionError:  # this worker stays nicer until it is replaced, and no other becomes so
                self._able = False
