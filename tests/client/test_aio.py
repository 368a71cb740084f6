"""The asyncio client over a real socket: the answers, the errors and the manners of the one that blocks."""

import asyncio
import contextlib
import threading
import time

import numpy as np
import pytest

import predictor
from client import AsyncPredictorClient
from predictor.errors import (
    CancelledError,
    DeadlineError,
    InputError,
    NotFoundError,
    UnavailableError,
    W2SError,
)
from predictor.query import Progress
from predictor.result import Ranking
from predictor.store.manifest import Manifest
from tests.service.running import arrays
from tests.service.sending import CHUNK, chunks, head, received, send, signal
from tests.service.test_equal import bare


def run(address, act, **options):
    """What `act(client)` returns, in an event loop of its own."""

    async def inside():
        async with AsyncPredictorClient(address, **options) as client:
            return await asyncio.wait_for(act(client), 60)

    return asyncio.run(inside())


async def soon(found, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := await found():
            return value
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def test_rank_takes_the_keywords_of_the_predictor_and_gives_its_bytes(server, client):
    query = arrays(1, broken=True)
    request = {"strong": query.strong.values, "weak": {spec.name: spec.values for spec in query.weak}, "seed": 1}
    assert bare(run(server.address, lambda aio: aio.rank(**request))) == bare(client.rank(**request))


def test_predict_validate_and_the_server_itself_answer_alike(server, client):
    async def asked(aio):
        return await aio.predict(arrays()), await aio.validate(arrays()), await aio.server_info()

    ranking, checked, info = run(server.address, asked)
    assert bare(ranking) == bare(client.predict(arrays()))
    assert checked == client.validate(arrays())
    assert (checked.rows, checked.candidates, checked.predict_allowed) == (60, 2, True)
    assert info == client.server_info()


def test_steps_are_told_and_the_ranking_comes_last(server):
    async def steps(aio):
        return [step async for step in aio.rank_steps(arrays())]

    *told, last = run(server.address, steps)
    assert {type(step) for step in told} == {Progress}
    assert isinstance(last, Ranking)
    assert len(last.candidates) == 2


@pytest.mark.parametrize(
    "request_",
    [
        {"strong": "array:nowhere.npy", "weak": ["array:nowhere.npy"], "pool": ["a", "b"]},
        {"strong": np.full((9, 2), np.nan), "weak": [np.ones((9, 2))]},
        {"strong": np.ones((9, 2)), "weak": [np.ones((9, 2))], "estimators": ["astrology"]},
    ],
    ids=["no file", "not finite", "no estimator"],
)
def test_a_fault_reads_as_in_process(server, request_):
    with pytest.raises(W2SError) as here:
        predictor.rank(**request_)
    with pytest.raises(W2SError) as there:
        run(server.address, lambda aio: aio.rank(**request_))
    assert type(there.value) is type(here.value)
    assert (there.value.message, there.value.reason) == (here.value.message, here.value.reason)


def test_jobs_are_listed_shown_resumed_and_forgotten(start):
    running = start("--limit", "max_page_jobs=2")

    async def life(aio):
        made = [await aio.submit(arrays(seed), f"aio-{seed}") for seed in range(5)]
        await aio.wait(made[-1])
        assert [job.id async for job in aio.jobs()] == made[::-1]
        assert await aio.submit(arrays(0), "aio-0") == made[0]
        with pytest.raises(NotFoundError, match="there is no job 'nowhere'; list them"):
            await aio.job("nowhere")
        broken = await aio.submit(arrays(9, broken=True))
        assert (await aio.wait(broken)).state == "PARTIAL"
        again = await aio.resume(broken)
        assert (await aio.job(again)).repeat_of == broken
        await aio.wait(again)
        await aio.delete(again)
        with pytest.raises(NotFoundError):
            await aio.job(again)

    run(running.address, life)


def test_cancelling_rank_cancels_its_job_and_cancelling_a_wait_does_not(start):
    running = start()
    running.freeze_job_worker()

    async def leave(aio):
        async def open_job():
            found = [job async for job in aio.jobs()]
            return found and found[0].state == "RUNNING" and found[0].id

        ranking = asyncio.create_task(aio.rank(strong=np.eye(60), weak={"a": np.eye(60)}))
        name = await soon(open_job)
        waits = [asyncio.create_task(aio.wait(name)), asyncio.create_task(listen(aio, name))]
        await asyncio.sleep(0.3)
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert [one.cancelled() for one in waits] == [True, True]
        assert (await aio.job(name)).state == "RUNNING"
        ranking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ranking
        return (await aio.wait(name)).state

    assert run(running.address, leave) == "CANCELLED"


async def listen(aio, name):
    return [job async for job in aio.watch(name)]


def test_a_rank_that_is_cancelled_before_its_job_has_a_name_leaves_no_job_running(start):
    running = start()
    running.freeze_job_worker()

    async def leave(aio):
        await aio.server_info()
        for pause in (0.0, 0.001, 0.003, 0.01):
            ranking = asyncio.create_task(aio.rank(strong=np.eye(60), weak={"a": np.eye(60)}))
            await asyncio.sleep(pause)
            ranking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await ranking
        return {(await aio.wait(job.id)).state async for job in aio.jobs()}

    assert run(running.address, leave) <= {"CANCELLED"}


def test_closing_the_steps_cancels_the_job(server):
    async def close(aio):
        steps = aio.rank_steps(arrays(rows=2500), "aio-closing")
        await anext(steps)
        await steps.aclose()
        return (await aio.wait(await aio.submit(arrays(rows=2500), "aio-closing"))).state

    assert run(server.address, close) == "CANCELLED"


def test_a_job_cancelled_by_another_ends_the_ranking_with_cancelled(start):
    running = start()
    running.freeze_job_worker()

    async def shared(aio):
        name = await aio.submit(arrays(), "shared")
        await aio.cancel(name)
        with pytest.raises(CancelledError, match=f"job {name} was cancelled; run it again with resume"):
            await anext(aio.rank_steps(arrays(), "shared"))

    run(running.address, shared)


def test_a_wait_with_a_time_ends_with_it(start):
    running = start()
    running.freeze_job_worker()

    async def wait(aio):
        name = await aio.submit(arrays())
        with pytest.raises(DeadlineError, match=r"is still (RUNNING|QUEUED) after 0.5 s; it goes on"):
            await aio.wait(name, timeout=0.5)

    run(running.address, wait)


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
    """A wire to a server that can be cut: every connection through it ends at once."""

    def __init__(self, address):
        self._host, _, port = address.rpartition(":")
        self._port, self._writers, self.cuts = int(port), [], 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *fault):
        self._server.close()
        self.cut()

    def cut(self):
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _carry(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        self._writers += [writer, far_writer]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._pour(reader, far_writer), self._pour(far_reader, writer))

    async def _pour(self, reader, writer):
        while data := await reader.read(1 << 16):
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


def test_many_watches_of_one_loop_see_the_same_changes(server):
    async def watch(aio):
        name = await aio.submit(arrays(3, rows=200))
        found = await asyncio.gather(*(listen(aio, name) for _ in range(30)))
        return [[job.revision for job in one][-1] for one in found]

    assert len(set(run(server.address, watch))) == 1


def test_an_unreachable_server_is_named_with_the_next_step():
    with pytest.raises(UnavailableError, match=r"no server answers at 127.0.0.1:9 .*start one with `w2s serve`"):
        run("127.0.0.1:9", lambda aio: aio.server_info())


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


def test_a_set_is_pushed_from_where_an_earlier_stream_ended_and_pulled_as_it_was(server, client, tmp_path):
    values = signal(seed=70)
    manifest = Manifest.of("aio-set", values)
    with pytest.raises(InputError, match="ask where to go on"):
        send(client, [head(manifest), *chunks(values)[:3]])
    assert received(client, manifest) == 3 * CHUNK

    async def carry(aio):
        steps = [step.done async for step in aio.features.push_steps(manifest, values)]
        found = await aio.features.pull("aio-set")
        async for _ in aio.features.pull_steps("aio-set", tmp_path / "out.npy"):
            pass
        listed = {one.name async for one in aio.features.ls()}
        kept = await aio.features.find("aio-set")
        await aio.features.remove("aio-set")
        with pytest.raises(NotFoundError, match="there is no feature set 'aio-set'"):
            await aio.features.pull("aio-set")
        return steps, found, listed, kept

    steps, found, listed, kept = run(server.address, carry)
    assert min(steps) >= 3 * CHUNK
    assert steps[-1] == values.nbytes
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), values)
    assert "aio-set" in listed
    assert (kept.rows, kept.dim) == values.shape


def test_a_transfer_goes_on_across_a_restart_of_the_server(start):
    running = start()
    values = signal(rows=6000, seed=71)
    manifest = Manifest.of("outlive", values)

    async def push(aio):
        steps, killed = aio.features.push_steps(manifest, values), False
        async for step in steps:
            if not killed and step.done:
                killed = True
                running.kill()
                await asyncio.to_thread(lambda: start(address=running.address))
        return (await aio.features.pull("outlive")).values

    np.testing.assert_array_equal(run(running.address, push), values)


def test_the_loop_goes_on_while_a_request_is_built_and_a_set_is_sent(server):
    late = []

    async def tick():
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            late.append(time.monotonic() - before)

    async def busy(aio):
        ticking = asyncio.create_task(tick())
        await aio.features.push("busy", signal(rows=4000, seed=72))
        await aio.features.remove("busy")
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking

    run(server.address, busy)
    assert len(late) > 1


def predicted(address, seed):
    return run(address, lambda aio: aio.predict(arrays(seed)))


def test_two_loops_in_two_threads_have_clients_of_their_own(server):
    found = []
    threads = [
        threading.Thread(target=lambda seed=seed: found.append(predicted(server.address, seed))) for seed in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(one) for one in found] == [Ranking, Ranking]


def test_a_target_without_a_port_and_a_token_with_blanks_are_refused():
    async def make(*arguments, **options):
        AsyncPredictorClient(*arguments, **options)

    with pytest.raises(InputError, match="is neither HOST:PORT nor unix:/path"):
        asyncio.run(make("localhost"))
    with pytest.raises(InputError, match="the token holds blanks"):
        asyncio.run(make(token="a b"))


def test_a_request_larger_than_a_message_goes_out_in_parts(server, client):
    query = arrays(5, rows=300)
    assert bare(run(server.address, lambda aio: aio.predict(query), max_message_bytes=6000)) == bare(
        client.predict(query)
    )
