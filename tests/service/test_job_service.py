"""The job service as the event loop sees it."""

import asyncio
import threading
from contextlib import aclosing

import pytest

from predictor.steps import Progress
from protos import convert
from server.access.caller import LOCAL
from server.config import Limits
from server.durable.job_service import JobService
from tests.service.running import arrays


@pytest.fixture
def with_ledger(tmp_path):
    def run(act):
        async def whole():
            job_service = JobService(tmp_path / "jobs.sqlite", Limits())
            await job_service.open()
            try:
                return await act(job_service)
            finally:
                await job_service.close()

        return asyncio.run(whole())

    return run


def test_a_watcher_that_is_busy_with_a_step_while_the_job_ends_still_learns_the_end(with_ledger):
    request = convert.query_to_proto(arrays()).SerializeToString()

    async def act(job_service):
        row = await job_service.create(LOCAL, "one", request)
        claim = await job_service.claim()
        states = []
        async with aclosing(job_service.watch(LOCAL, row.job.id, 0, 5.0)) as seen:
            async for found in seen:
                states.append(found.job.state)
                if len(states) == 1:  # the reader is slow: a step, then the end come meanwhile
                    job_service.step(claim, Progress("near", "load", 0, 1))
                    await job_service.finish(claim, "SUCCEEDED", None, b"")
        return states

    assert with_ledger(act)[-1] == "SUCCEEDED"


def test_a_watch_of_what_was_already_seen_ends_with_the_job(with_ledger):
    request = convert.query_to_proto(arrays()).SerializeToString()

    async def act(job_service):
        row = await job_service.create(LOCAL, "one", request)
        claim = await job_service.claim()

        async def watched():
            return [found async for found in job_service.watch(LOCAL, row.job.id, 1 << 40, 5.0)]

        watching = asyncio.create_task(watched())
        await asyncio.sleep(0.05)
        await job_service.finish(claim, "SUCCEEDED", None, b"")
        return await watching

    assert with_ledger(act) == []


class Late:
    """A step of the table that has been committed, and whose answer does not come before it is let go."""

    def __init__(self, table, name):
        self._act = getattr(table, name)
        self._committed, self._go = threading.Event(), threading.Event()
        setattr(table, name, self)

    def __call__(self, *arguments):
        found = self._act(*arguments)
        self._committed.set()
        self._go.wait(120)
        return found

    async def left_by(self, waiting):
        """Its caller goes away in between."""
        await asyncio.to_thread(self._committed.wait, 120)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        self._go.set()


def test_a_job_is_started_though_its_caller_goes_away_while_it_is_committed(with_ledger):
    async def act(job_service):
        late = Late(job_service._table, "create")
        await late.left_by(asyncio.create_task(job_service.create(LOCAL, "one", b"q")))
        await asyncio.wait_for(job_service.wait_for_work(), 120)
        return job_service.queued

    assert with_ledger(act) == 1


def test_watchers_learn_of_a_cancellation_though_its_caller_goes_away(with_ledger):
    async def act(job_service):
        row = await job_service.create(LOCAL, "one", b"q")

        states = []

        async def watched():
            async for found in job_service.watch(LOCAL, row.job.id, 0, 600.0):
                states.append(found.job.state)

        watching = asyncio.create_task(watched())
        while not states:
            await asyncio.sleep(0.01)
        await Late(job_service._table, "cancel").left_by(asyncio.create_task(job_service.cancel(LOCAL, row.job.id)))
        await asyncio.wait_for(watching, 120)
        return states

    assert with_ledger(act) == ["QUEUED", "CANCELLED"]


def test_the_worker_of_a_cancelled_job_is_ended_though_its_caller_goes_away(with_ledger):
    ended = []

    async def act(job_service):
        job_service.cancelling = ended.append
        name = (await job_service.create(LOCAL, "one", b"q")).job.id
        await job_service.claim()
        await Late(job_service._table, "cancel").left_by(asyncio.create_task(job_service.cancel(LOCAL, name)))
        while not ended:
            await asyncio.sleep(0.01)
        return name

    assert ended == [with_ledger(lambda job_service: asyncio.wait_for(act(job_service), 120))]
