"""Outcomes and calibrations over a real socket: kept, counted, each tenant's own, and used like those in process."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
from dataclasses import replace

import grpc
import numpy as np
import pytest

import predictor
from client import AsyncPredictorClient
from predictor.calibration.calibrate import calibrate
from predictor.calibration.store import CalibrationStore
from predictor.errors import InputError, LimitError, NotFoundError, UnavailableError, W2SError
from predictor.intake.request import build_query
from predictor.results.ranking import Ranking
from protos import convert
from protos.w2s.v1 import calibration_pb2 as pb
from protos.w2s.v1 import calibration_pb2_grpc
from server.access.tokens import TokenFile
from tests.calibration.simulated import outcomes
from tests.service.running import RunningServer
from tests.service.sending import error_of


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated")
    limits = [f"--limit={name}" for name in ("max_page_outcomes=7", "tenant_outcomes=40", "tenant_calibrations=2")]
    tokens = TokenFile(folder / "tokens")
    given = {name: tokens.add(name, ["read", "submit"], 3600.0) for name in ("alice", "bob")}
    with RunningServer(folder, "--tokens", str(tokens.path), *limits) as running:
        yield running, given


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A server without users, whose outcomes and calibrations are those of the state folder itself."""
    with RunningServer(tmp_path_factory.mktemp("local")) as running:
        yield running


def stub(running: RunningServer):
    return calibration_pb2_grpc.CalibrationServiceStub(grpc.insecure_channel(running.address))


def asked(message, method):
    try:
        return method(message, timeout=120)
    except grpc.RpcError as error:
        raise error_of(error) from None


def request() -> dict[str, object]:
    rng = np.random.default_rng(5)
    hidden = rng.standard_normal((90, 6))
    weak = {"near": hidden[:, :5] + 0.1 * rng.standard_normal((90, 5)), "far": rng.standard_normal((90, 5))}
    labels = [str(int(value > 0)) if row % 3 == 0 else None for row, value in enumerate(hidden[:, 0] + hidden[:, 1])]
    return {"strong": hidden, "weak": weak, "labels": labels}


def bare(ranking: Ranking) -> str:
    return replace(ranking, candidates=tuple(replace(one, timings={}) for one in ranking.candidates)).to_json()


def test_outcomes_are_stored_once_listed_in_pages_and_survive_a_kill(tmp_path):
    made = outcomes()
    with RunningServer(tmp_path, "--limit=max_page_outcomes=7") as running, running.client() as client:
        for start in range(0, len(made), 7):
            assert client.calibrations.record(made[start : start + 7]).recorded == len(made[start : start + 7])
        assert (client.calibrations.record(made[:7]).recorded, client.calibrations.record(made[:7]).repeated) == (0, 7)
        assert list(client.calibrations.outcomes()) == made
        assert list(client.calibrations.outcomes(task="task 2")) == made[10:15]
        fitted = client.calibrations.fit("past")
        running.kill()
    with RunningServer(tmp_path) as again, again.client() as client:
        assert list(client.calibrations.outcomes()) == made
        assert client.calibrations.get("past") == client.calibrations.get(fitted.reference) == fitted
        assert client.calibrations.ls() == (fitted,)


def test_job_predict_and_process_give_the_same_calibrated_ranking(local, tmp_path, monkeypatch):
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path))
    made = outcomes()
    CalibrationStore().put(calibrate("past", made))
    here = bare(predictor.rank(**request(), calibration="past"))
    assert json.loads(here)["evidence"] == "calibrated"
    with local.client() as client:
        client.calibrations.record(made)
        client.calibrations.fit("past")
        assert bare(client.rank(**request(), calibration="past")) == here
        assert bare(client.predict(build_query(**request(), calibration="past"))) == here

    async def ask() -> tuple[Ranking, int]:
        async with AsyncPredictorClient(local.address) as aio:
            count = len([one async for one in aio.calibrations.outcomes()])
            assert await aio.calibrations.get("past") == (await aio.calibrations.ls())[0]
            assert (await aio.calibrations.record(made)).repeated == len(made)
            assert (await aio.calibrations.fit("past")).name == "past"
            return await aio.rank(**request(), calibration="past"), count

    ranking, count = asyncio.run(ask())
    assert (bare(ranking), count) == (here, 30)


def test_a_job_uses_the_calibration_that_it_was_created_with(local):
    query = build_query(**request(), calibration="moving")
    with local.client() as client:
        client.calibrations.record(outcomes())
        first = client.calibrations.fit("moving")
        worker = local.freeze_job_worker()
        job = client.submit(query, "moves")
        client.calibrations.record(outcomes(tasks=7, seed=9))
        assert client.calibrations.fit("moving").version != first.version
        assert client.submit(query, "moves") == job
        os.kill(worker, signal.SIGCONT)
        ranking = client.wait(job).ranking
        assert ranking.provenance.request["calibration"] == first.reference


def test_a_calibration_sent_by_a_caller_is_not_used(local, monkeypatch):
    with local.client() as client:
        client.calibrations.record(outcomes())
        own = client.calibrations.fit("own")
        forged = dataclasses.replace(own, version="f" * 12, recipe="forged")
        sent = convert.calibration_to_proto(forged)
        plain = convert.query_to_proto

        def with_forged(query):
            message = plain(query)
            message.calibration.CopyFrom(sent)
            return message

        monkeypatch.setattr(convert, "query_to_proto", with_forged)
        named = client.predict(build_query(**request(), calibration="own"))
        assert named.provenance.request["calibration"] == own.reference
        assert client.predict(build_query(**request())).evidence == "few_labels"


def test_an_absent_calibration_refuses_the_job_before_it_is_created(local):
    with local.client() as client:
        before = len(list(client.jobs()))
        for ask in (client.rank, lambda **asked: client.predict(build_query(**asked))):
            with pytest.raises(NotFoundError, match="there is no calibration 'nobody'"):
                ask(**request(), calibration="nobody")
            with pytest.raises(InputError, match="is no name of a calibration"):
                ask(**request(), calibration="../past")
        assert len(list(client.jobs())) == before


def test_tenants_do_not_meet(running):
    server, tokens = running
    with server.client(token=tokens["alice"]) as alice, server.client(token=tokens["bob"]) as bob:
        for start in range(0, 30, 6):
            alice.calibrations.record(outcomes()[start : start + 6])
        fitted = alice.calibrations.fit("past")
        assert (list(bob.calibrations.outcomes()), bob.calibrations.ls()) == ([], ())
        for reference in ("past", fitted.reference):
            with pytest.raises(NotFoundError, match="there is no calibration"):
                bob.calibrations.get(reference)
        with pytest.raises(NotFoundError, match="there is no calibration 'past'"):
            bob.rank(**request(), calibration="past")
        with pytest.raises(InputError, match="there are 0"):
            bob.calibrations.fit("past")


def test_quotas_hold_per_tenant(running):
    server, tokens = running
    with server.client(token=tokens["bob"]) as bob:
        with pytest.raises(LimitError, match="8 outcomes in one call; this server takes at most 7"):
            bob.calibrations.record(outcomes()[:8])
        for start in range(0, 35, 7):
            bob.calibrations.record(outcomes(tasks=7)[start : start + 7])
        with pytest.raises(LimitError, match="7 new outcomes beside the 35 recorded before; at most 40 may be"):
            bob.calibrations.record(outcomes(seed=3)[:7])
        assert bob.calibrations.record(outcomes(seed=3)[:5]).recorded == 5
        bob.calibrations.fit("one")
        bob.calibrations.fit("two")
        bob.calibrations.fit("two")
        with pytest.raises(LimitError, match="you have 2 versions of calibrations") as caught:
            bob.calibrations.fit("three")
        assert caught.value.reason == "CALIBRATIONS_QUOTA"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (pb.RecordOutcomesRequest(outcomes=[pb.Outcome()]), "BAD_OUTCOME"),
        (
            pb.RecordOutcomesRequest(outcomes=[convert.outcome_to_proto(replace(outcomes()[0], weak="w" * 20_000))]),
            "BAD_OUTCOME",
        ),
        (pb.ListOutcomesRequest(page_size=-1), "BAD_PAGE"),
        (pb.ListOutcomesRequest(page_token="x"), "BAD_PAGE"),
        (pb.ListOutcomesRequest(page_token="b3V0Y29tZXM6LTE="), "BAD_PAGE"),
        (pb.FitCalibrationRequest(), "BAD_NAME"),
        (pb.FitCalibrationRequest(name="../x"), "BAD_NAME"),
        (pb.FitCalibrationRequest(name="x", recipe="unheard of"), "TOO_FEW_TASKS"),
        (pb.GetCalibrationRequest(name="past@../../jobs"), "BAD_NAME"),
        (pb.GetCalibrationRequest(name="\x00"), "BAD_NAME"),
        (pb.GetCalibrationRequest(name="gone"), "CALIBRATION_NOT_FOUND"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_is_refused_by_reason(local, message, reason):
    method = getattr(stub(local), type(message).__name__.removesuffix("Request"))
    with pytest.raises(W2SError) as error:
        asked(message, method)
    assert error.value.reason == reason


def test_no_error_of_the_disk_names_a_place(local):
    blocked = local.folder / "state" / "outcomes"
    with local.client() as client:
        client.calibrations.record(outcomes()[:1])
        (blocked / "outcomes.sqlite").rename(blocked / "aside")
        (blocked / "outcomes.sqlite").mkdir()
        try:
            with pytest.raises(UnavailableError, match="ask its operator to look at the disk") as error:
                client.calibrations.record(outcomes(seed=8)[:1])
            assert str(local.folder) not in error.value.message
        finally:
            (blocked / "outcomes.sqlite").rmdir()
            (blocked / "aside").rename(blocked / "outcomes.sqlite")
        assert client.calibrations.record(outcomes()[:1]).repeated == 1
