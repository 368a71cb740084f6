"""Endings: a client that was closed, and a server that goes away under a ranking, are told so that one can go on."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from client import AsyncPredictorClient, PredictorClient
from client.channel import errors_of
from client.retry import RetryPolicy
from predictor.errors import InputError, RefusedError, UnavailableError
from tests.service.running import arrays, until


def test_a_closed_client_reports_so_and_may_be_closed_again(server):
    client = PredictorClient(server.address)
    client.close()
    client.close()
    for ask in (client.server_info, lambda: client.submit(arrays()), lambda: list(client.jobs()), client.features.ls):
        with pytest.raises(RefusedError, match=r"^the client of .* is closed; make another\.$") as caught:
            list(ask())
        assert caught.value.reason == "CLIENT_CLOSED"


def test_a_closed_async_client_reports_so(server):
    async def ask_after_the_end():
        async with AsyncPredictorClient(server.address) as client:
            await client.server_info()
        await client.server_info()

    with pytest.raises(RefusedError, match="is closed; make another"):
        asyncio.run(ask_after_the_end())


@pytest.mark.parametrize("kind", [PredictorClient, AsyncPredictorClient])
@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        *(("timeout", value) for value in (0, -1.0, float("nan"), float("inf"), "60", None)),
        *(("reconnect_seconds", value) for value in (-1, float("nan"), "60", None)),
    ],
)
def test_deadlines_that_no_call_could_meet_are_refused_at_once(kind, name, seconds):
    with pytest.raises(InputError, match=f"^{name} is .*; give a number of seconds, such as 60") as caught:
        kind("localhost:50051", **{name: seconds})
    assert (caught.value.reason, caught.value.field) == ("OUT_OF_RANGE", name)


@pytest.mark.parametrize("address", ["http://localhost:50051", "grpc://localhost:50051", "localhost", None])
def test_an_address_of_another_kind_is_refused_at_once(address):
    with pytest.raises(InputError, match="is neither HOST:PORT nor unix:/path; give one, such as localhost:50051"):
        PredictorClient(address)


def test_an_address_in_the_form_of_grpc_is_taken():
    PredictorClient("unix:///run/w2s.sock").close()


def test_a_ranking_whose_server_goes_away_names_its_job(start):
    running = start()
    running.freeze_job_worker()
    with running.client(reconnect_seconds=0.3) as client, ThreadPoolExecutor(1) as beside:
        ranking = beside.submit(lambda: list(client.rank_steps(arrays())))
        (job,) = until(lambda: [job for job in client.jobs() if job.state == "RUNNING"])
        running.kill()
        with pytest.raises(UnavailableError) as caught:
            ranking.result(60)
    assert caught.value.reason == "SERVER_UNAVAILABLE"
    assert caught.value.message.endswith(f"Job {job.id} goes on there; follow it with w2s jobs watch {job.id}.")


class FakeError(grpc.RpcError):
    """What grpc.aio raised once out of some hundred kills in the middle of an upload; no test can make it do so."""

    def code(self):
        return grpc.StatusCode.INTERNAL

    def details(self):
        return "Internal error from Core"

    def trailing_metadata(self):
        return ()


def test_a_connection_that_broke_off_while_sending_is_one_that_may_be_tried_again():
    refused = pytest.raises(UnavailableError, match=r"the connection to here:1 broke off; ask again")
    with refused as caught, errors_of("here:1", 5):
        raise FakeError
    assert caught.value.reason == "SERVER_UNAVAILABLE"
    assert RetryPolicy(60).pause_after(caught.value) > 0.0
