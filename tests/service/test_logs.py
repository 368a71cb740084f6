"""What is told of a call afterwards: its id in the log, and nothing that a caller sent."""

import asyncio
import contextlib
import json

import grpc
import pytest

from predictor.errors import InputError, UnavailableError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import predictor_service_pb2_grpc, ranking_service_pb2_grpc
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.access.admission import Admission
from server.access.audit import AuditLog
from server.access.authentication import Authenticator
from server.config import Limits
from server.interceptors import (
    AdmissionInterceptor,
    AuthenticationInterceptor,
    ErrorInterceptor,
    ReadingInterceptor,
)
from server.telemetry.logs import log, log_error, set_level
from server.telemetry.metrics import Metrics
from server.telemetry.traces import Untraced
from tests.service.running import limited, samples, scrape, until

SECRET = "the row of a patient"


def test_a_request_id_of_the_caller_is_found_in_the_log(server, client):
    with grpc.insecure_channel(server.address) as channel:
        stub = ranking_service_pb2_grpc.RankingServiceStub(channel)
        stub.ListRankingJobs(pb.ListRankingJobsRequest(), metadata=(("x-request-id", "trace-7"),), timeout=120)
    assert until(lambda: [event for event in server.events("call") if event["request_id"] == "trace-7"])


def test_logs_hold_no_text_name_or_path_of_a_caller(start, tmp_path):
    running = start()
    with running.client() as client:
        for reference in ("/secret/folder", "array:/secret/file.npy"):
            query = RankingQuery(
                ModelSpec("secret-name", reference),
                (ModelSpec("w", reference),),
                Pool.of([SECRET] * 2, ["secret-id", "b"]),
            )
            job = client.wait(client.submit(query))
            assert job.state == "FAILED"
        with pytest.raises(InputError):
            client.predict(query)
    assert running.terminate() == 0
    for line in running.log_text().splitlines():
        json.loads(line)
    assert "secret" not in running.log_text()
    assert SECRET not in running.log_text()


def test_events_below_the_level_are_left_out(capfd):
    set_level("warning")
    try:
        log("call")
        log_error("commit_waits", UnavailableError("away.", reason="X"))
        log_error("internal_error", ValueError("secret"))
    finally:
        set_level("info")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(one["level"], one["event"]) for one in lines] == [("warning", "commit_waits"), ("error", "internal_error")]
    with pytest.raises(InputError, match="log level 'loud' is none; give info, warning, error"):
        set_level("loud")


def test_refusals_of_one_tenant_fill_no_log(start, tmp_path):
    """They are metered in the log and in the audit; every one is counted."""
    running = start("--metrics", "127.0.0.1:0", *limited(tenant_calls_per_second=1))
    with running.client(timeout=120) as client:
        channel = client._channel
        ask = channel.unary_unary("/w2s.v1.PredictorService/GetServerInfo")
        for _ in range(200):
            with contextlib.suppress(grpc.RpcError):
                ask(b"", timeout=120)
    refused = samples(scrape(running))[("w2s_admission_rejected_total", ("reason", "TENANT_RATE"))]
    lines = [one for one in running.events("call") if one["code"] == "RESOURCE_EXHAUSTED"]
    assert refused > 100
    assert len(lines) < refused / 2
    audit = (tmp_path / "state" / "audit.jsonl").read_text().splitlines()
    assert sum("RESOURCE_EXHAUSTED" in one for one in audit) < refused / 2


def test_an_exception_never_shows_its_text(capfd):
    """Our interceptors around a servicer that is at fault: a real socket, in this process."""

    class Faulty(predictor_service_pb2_grpc.PredictorServiceServicer):
        async def GetServerInfo(self, request, context):  # noqa: N802  # RPC name
            raise ValueError(SECRET)

    async def ask_faulty() -> grpc.aio.AioRpcError:
        admission = Admission(Limits(), lambda: 0)
        server = grpc.aio.server(
            interceptors=(
                ErrorInterceptor(AuditLog(None), Metrics(), Untraced()),
                AuthenticationInterceptor(Authenticator(None, certificates=False)),
                AdmissionInterceptor(admission),
                ReadingInterceptor(),
            )
        )
        predictor_service_pb2_grpc.add_PredictorServiceServicer_to_server(Faulty(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = predictor_service_pb2_grpc.PredictorServiceStub(channel)
            try:
                await stub.GetServerInfo(ask.GetServerInfoRequest(), timeout=120)
            except grpc.aio.AioRpcError as error:
                return error
            finally:
                await server.stop(None)
        raise AssertionError("the call succeeded")

    error = asyncio.run(ask_faulty())
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "the server failed by a bug of its own; its log has more under request id" in error.details()
    reported = str(error.details()) + str(error.trailing_metadata())
    logged = capfd.readouterr().err
    assert SECRET not in reported + logged
    internal = next(json.loads(line) for line in logged.splitlines() if "internal_error" in line)
    assert internal["exception"] == "ValueError"
    assert internal["request_id"] in error.details()
