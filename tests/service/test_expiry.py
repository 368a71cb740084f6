"""Expiry of finished jobs, and a system clock that is wrong."""

import asyncio

from server import background
from server.config import Limits
from server.durable.clock import SteadyClock

DAY = 86_400.0


def test_a_clock_that_is_set_ahead_moves_no_steady_clock():
    wall, monotonic = [1000.0], [50.0]
    clock = SteadyClock(lambda: wall[0], lambda: monotonic[0])
    wall[0] += 40 * DAY
    monotonic[0] += 5
    assert clock.now() == 1005.0


def test_no_job_expires_in_the_first_hour_of_a_server(monkeypatch):
    """A server that starts with its clock 40 days ahead would delete every finished job at once."""
    pauses, cutoffs = [], []

    class Jobs:
        async def ask(self, step):
            cutoffs.append(step)
            return 0

    async def sleep(seconds):
        pauses.append(seconds)
        if cutoffs:
            raise asyncio.CancelledError
        assert len(pauses) == 1

    monkeypatch.setattr(background.asyncio, "sleep", sleep)

    async def run():
        try:
            await background.forget_old_jobs(Jobs(), Limits())
        except asyncio.CancelledError:
            return

    asyncio.run(run())
    assert pauses[0] == 3600.0
    assert len(cutoffs) == 1
