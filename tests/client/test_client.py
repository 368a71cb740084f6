"""The client over a real socket: the calls, the errors and the manners of the predictor itself."""

import contextlib
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import predictor
from client import PredictorClient
from predictor.errors import (
    CancelledError,
    DeadlineError,
    InputError,
    LimitError,
    NotFoundError,
    UnavailableError,
    W2SError,
)
from predictor.query.model_spec import ModelSpec
from predictor.query.query import RankingQuery
from predictor.steps import Progress
from tests.service.running import arrays, under_way, until


def test_rank_takes_the_keywords_of_the_predictor(client):
    query = arrays()
    ranking = client.rank(strong=query.strong.values, weak={"a": query.weak[0].values, "b": query.weak[1].values})
    assert {candidate.name for candidate in ranking.candidates} == {"a", "b"}


def test_steps_are_reported_and_the_ranking_returned(client):
    steps = client.rank_steps(arrays())
    returned = []

    def drain():
        returned.append((yield from steps))

    seen = list(drain())
    assert {type(step) for step in seen} == {Progress}
    assert len(returned[0].candidates) == 2


@pytest.mark.parametrize(
    "request_",
    [
        {"strong": "array:nowhere.npy", "weak": ["array:nowhere.npy"], "pool": ["a", "b"]},
        {"strong": np.full((9, 2), np.nan), "weak": [np.ones((9, 2))]},
        {"strong": np.ones((9, 2)), "weak": [np.ones((9, 2))], "estimators": ["astrology"]},
        {"strong": "./nowhere", "weak": ["./nowhere#layer=2"], "pool": ["a", "b"]},
    ],
    ids=["no file", "not finite", "no estimator", "no folder"],
)
def test_a_error_reads_alike_in_process_and_from_the_server(client, request_):
    with pytest.raises(W2SError) as here:
        predictor.rank(**request_)
    with pytest.raises(W2SError) as there:
        client.rank(**request_)
    assert type(there.value) is type(here.value)
    assert (there.value.message, there.value.reason, there.value.field) == (
        here.value.message,
        here.value.reason,
        here.value.field,
    )
    assert there.value.exit_code == here.value.exit_code


def test_closing_the_steps_cancels_the_job(client):
    query = arrays(rows=2500)
    steps = client.rank_steps(query, "closing")
    next(steps)
    steps.close()
    assert client.wait(client.submit(query, "closing")).state == "CANCELLED"


def test_a_job_cancelled_by_another_ends_the_steps_with_cancelled(start):
    running = start()
    running.freeze_job_worker()
    with running.client() as client:
        name = client.submit(arrays(), "shared")
        client.cancel(name)
        with pytest.raises(CancelledError, match=f"job {name} was cancelled; run it again with resume") as caught:
            next(client.rank_steps(arrays(), "shared"))
        assert caught.value.exit_code == 130


def test_a_wait_with_a_time_ends_with_it(start):
    running = start()
    running.freeze_job_worker()
    with running.client() as client:
        name = under_way(client, arrays())
        with pytest.raises(DeadlineError, match=r"is still RUNNING after 0.5 s; it goes on") as caught:
            client.wait(name, timeout=0.5)
        assert caught.value.reason == "STILL_RUNNING"


def test_an_unreachable_server_is_named_with_the_next_step():
    with (
        PredictorClient("127.0.0.1:9") as client,
        pytest.raises(UnavailableError, match=r"no server answers at 127.0.0.1:9 .*start one with `w2s serve`"),
    ):
        client.server_info()


def test_a_server_that_stays_away_ends_a_watch(start):
    running = start()
    running.freeze_job_worker()
    with running.client(reconnect_seconds=0.3) as client:
        changes = client.watch(client.submit(arrays()))
        next(changes)
        running.kill()
        with pytest.raises(UnavailableError, match="no server answers at"):
            list(changes)


def answers(client):
    with contextlib.suppress(DeadlineError):
        return client.server_info()


def test_a_frozen_server_meets_the_deadline_of_the_call(start):
    running = start()
    with running.client(timeout=5.0) as client:
        assert until(lambda: answers(client))
        running.process.send_signal(signal.SIGSTOP)
        with pytest.raises(DeadlineError, match=r"did not answer within 5 s"):
            client.server_info()
        running.process.send_signal(signal.SIGCONT)


def test_a_request_whose_names_alone_are_too_large_is_refused_here(server):
    query = arrays()
    many = tuple(ModelSpec(f"candidate-{i}" * 10, "array:", values=query.weak[0].values) for i in range(50))
    with (
        server.client(max_message_bytes=4000) as client,
        pytest.raises(LimitError, match=r"takes \d+ bytes without its rows and arrays, at most 2976 can be sent"),
    ):
        client.submit(RankingQuery(query.strong, many, query.pool))


def test_no_proxy_stands_between_loopback(server):
    code = (
        "import sys; from client import PredictorClient\n"
        "with PredictorClient(sys.argv[1]) as client: print(len(client.server_info().limits))"
    )
    proxy = dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", code, server.address],
        env=os.environ | proxy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert int(done.stdout) > 10, done.stderr


def test_another_service_is_reported_to_be_no_w2s_server():
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    other = grpc.server(ThreadPoolExecutor(1))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    try:
        with (
            PredictorClient(f"127.0.0.1:{port}") as client,
            pytest.raises(W2SError, match="is it a w2s server") as caught,
        ):
            client.server_info()
        assert caught.value.reason == "UNIMPLEMENTED"
    finally:
        other.stop(0).wait()


@pytest.mark.parametrize("target", ["localhost", "", "localhost:port"])
def test_a_target_without_a_port_is_refused(target):
    with pytest.raises(InputError, match="is neither HOST:PORT nor unix:/path"):
        PredictorClient(target)


def test_an_unknown_job_is_the_same_error_everywhere(client):
    with pytest.raises(NotFoundError, match="there is no job 'nowhere'; list them"):
        client.job("nowhere")
