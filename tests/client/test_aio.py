"""The asyncio client over a real socket: the answers, the errors and the manners of the one that blocks."""

import asyncio
import threading

import numpy as np
import pytest

import predictor
from client import AsyncPredictorClient
from predictor.errors import CancelledError, InputError, NotFoundError, UnavailableError, W2SError
from predictor.results.ranking import Ranking
from predictor.steps import Progress
from tests.answers import bare
from tests.client.looping import listen, run, soon
from tests.service.running import arrays


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


def test_steps_are_reported_and_the_ranking_comes_last(server):
    async def steps(aio):
        return [step async for step in aio.rank_steps(arrays())]

    *reported, last = run(server.address, steps)
    assert {type(step) for step in reported} == {Progress}
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
def test_a_error_reads_as_in_process(server, request_):
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


def test_an_unreachable_server_is_named_with_the_next_step():
    with pytest.raises(UnavailableError, match=r"no server answers at 127.0.0.1:9 .*start one with `w2s serve`"):
        run("127.0.0.1:9", lambda aio: aio.server_info())


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
    with pytest.raises(InputError, match="the token contains blanks"):
        asyncio.run(make(token="a b"))
