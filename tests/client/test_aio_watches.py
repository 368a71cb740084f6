"""Watches of the asyncio client: each change once, through lost connections."""

import asyncio
import contextlib
import os
import signal

import pytest

from client import AsyncPredictorClient
from predictor.errors import DeadlineError, UnavailableError
from tests.client.looping import listen, run
from tests.service.running import arrays


def test_a_watch_loses_and_repeats_nothing_across_a_kill_of_the_server(start):
    running = [start()]
    running[0].freeze_job_worker()
    address = running[0].address

    async def watch(aio):
        name = await aio.submit(arrays(2))
        seen, killed = [], 0
        async for job in aio.watch(name):
            seen.append(job)
            if job.state == "RUNNING" and killed < 1 and job.progress is None:
                killed += 1
                running[-1].kill()
                running.append(await asyncio.to_thread(lambda: start(address=address)))
        whole = [job async for job in aio.watch(name)]
        return killed, seen, whole

    killed, seen, whole = run(address, watch)
    revisions = [job.revision for job in seen]
    assert killed == 1
    assert revisions == sorted(set(revisions))
    assert seen[-1].state == "SUCCEEDED"
    assert seen[-1].ranking is not None
    assert [job.ranking for job in seen[:-1]] == [None] * (len(seen) - 1)
    assert seen[-1].revision == whole[-1].revision


class Cut:
    """A wire to a server that can be cut, and every connection through it ends at once, or go dead without a word."""

    def __init__(self, address):
        self._host, _, port = address.rpartition(":")
        self._port, self._writers, self.cuts = int(port), [], 0
        self._dead = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error):
        self._server.close()
        self.cut()

    def cut(self):
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def deaden(self):
        """Carry nothing more for any connected client."""
        self._dead += self._writers

    async def _carry(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        self._writers += [writer, far_writer]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._pour(reader, far_writer), self._pour(far_reader, writer))

    async def _pour(self, reader, writer):
        while data := await reader.read(1 << 16):
            if writer in self._dead:
                continue
            writer.write(data)
            await writer.drain()
        writer.close()


def test_a_watch_over_a_wire_that_is_cut_again_and_again_sees_each_change_once(server):
    async def watch(aio):
        async with Cut(server.address) as wire, AsyncPredictorClient(wire.address) as cut_off:
            name = await aio.submit(arrays(6, rows=1500))
            whole, seen = asyncio.create_task(listen(aio, name)), []
            async for job in cut_off.watch(name):
                seen.append(job)
                if wire.cuts < 6:
                    wire.cut()
            return await whole, seen, wire.cuts

    whole, seen, cuts = run(server.address, watch)
    assert cuts == 6
    revisions = [job.revision for job in seen]
    assert revisions == sorted(set(revisions))
    assert set(revisions) >= {job.revision for job in whole if job.revision >= revisions[0]}
    assert seen[-1].ranking is not None


def test_a_watch_over_a_wire_that_went_dead_without_a_word_is_taken_up_again(start, monkeypatch):
    monkeypatch.setattr("client.channel.SILENT_MS", 1000)
    monkeypatch.setattr("client.channel.ANSWER_MS", 1000)
    running = start()
    frozen = running.freeze_job_worker()

    async def watch(aio):
        async with Cut(running.address) as wire, AsyncPredictorClient(wire.address) as far:
            changes = far.watch(await aio.submit(arrays()))
            await anext(changes)
            wire.deaden()
            os.kill(frozen, signal.SIGCONT)
            return [job.state async for job in changes][-1]

    assert run(running.address, watch) == "SUCCEEDED"


def test_many_watches_of_one_loop_see_the_same_changes(server):
    async def watch(aio):
        name = await aio.submit(arrays(3, rows=200))
        found = await asyncio.gather(*(listen(aio, name) for _ in range(30)))
        return [[job.revision for job in one][-1] for one in found]

    assert len(set(run(server.address, watch))) == 1


def test_a_server_that_stays_away_ends_a_watch(start):
    running = start()
    running.freeze_job_worker()

    async def watch(aio):
        changes = aio.watch(await aio.submit(arrays()))
        await anext(changes)
        running.kill()
        async for _ in changes:
            pass

    with pytest.raises(UnavailableError, match="no server answers at"):
        run(running.address, watch, reconnect_seconds=0.3)


def test_a_wait_with_a_time_ends_with_it(start):
    running = start()
    running.freeze_job_worker()

    async def wait(aio):
        name = await aio.submit(arrays())
        with pytest.raises(DeadlineError, match=r"is still (RUNNING|QUEUED) after 0.5 s; it goes on"):
            await aio.wait(name, timeout=0.5)

    run(running.address, wait)
