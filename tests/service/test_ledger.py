"""The ledger as the event loop sees it."""

import asyncio
from contextlib import aclosing

import pytest

from predictor.query import Progress
from protos import convert
from server.access.caller import LOCAL
from server.config import Limits
from server.durable.ledger import Ledger
from tests.service.running import arrays


@pytest.fixture
def with_ledger(tmp_path):
    def run(act):
        async def whole():
            ledger = Ledger(tmp_path / "jobs.sqlite", Limits())
            await ledger.open()
            try:
                return await act(ledger)
            finally:
                await ledger.close()

        return asyncio.run(whole())

    return run


def test_a_watcher_that_is_busy_with_a_step_while_the_job_ends_still_learns_the_end(with_ledger):
    request = convert.query_to_proto(arrays()).SerializeToString()

    async def act(ledger):
        row = await ledger.create(LOCAL, "one", request)
        claim = await ledger.claim()
        states = []
        async with aclosing(ledger.watch(LOCAL, row.job.id, 0, 5.0)) as seen:
            async for found in seen:
                states.append(found.job.state)
                if len(states) == 1:  # the reader is slow: a step, then the end come meanwhile
                    ledger.step(claim, Progress("near", "load", 0, 1))
                    await ledger.finish(claim, "SUCCEEDED", None, b"")
        return states

    assert with_ledger(act)[-1] == "SUCCEEDED"


def test_a_watch_of_what_was_already_seen_ends_with_the_job(with_ledger):
    request = convert.query_to_proto(arrays()).SerializeToString()

    async def act(ledger):
        row = await ledger.create(LOCAL, "one", request)
        claim = await ledger.claim()

        async def watched():
            return [found async for found in ledger.watch(LOCAL, row.job.id, 1 << 40, 5.0)]

        watching = asyncio.create_task(watched())
        await asyncio.sleep(0.05)
        await ledger.finish(claim, "SUCCEEDED", None, b"")
        return await watching

    assert with_ledger(act) == []
