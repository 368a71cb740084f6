"""What is told of a call afterwards: its id in the log, and nothing that a caller sent."""

import asyncio
import json

import grpc
import pytest

from predictor.errors import InputError
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
from server.telemetry.metrics import Metrics
from server.telemetry.traces import Untraced
from tests.service.running import until

SECRET = "the row of a patient"


def test_a_request_id_of_the_caller_is_found_in_the_log(server, client):
    with grpc.insecure_channel(server.address) as channel:
        stub = ranking_service_pb2_grpc.RankingServiceStub(channel)
        stub.ListRankingJobs(pb.ListRankingJobsRequest(), metadata=(("x-request-id", "trace-7"),), timeout=5)
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
                await stub.GetServerInfo(ask.GetServerInfoRequest(), timeout=5)
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
