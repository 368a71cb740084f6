"""Who is let in, what they are told, and what is never said."""

import asyncio
import json
import os
import signal
import subprocess
import time

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from predictor.errors import InputError, LimitError
from predictor.pools import Pool
from predictor.query import ModelSpec, RankingQuery
from protos import convert
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import predictor_service_pb2_grpc
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.access.admission import Admission
from server.access.audit import AuditLog
from server.access.authentication import Authenticator
from server.config import Limits
from server.interceptors import (
    AdmissionInterceptor,
    AuthenticationInterceptor,
    FaultInterceptor,
    ReadingInterceptor,
)
from server.telemetry.metrics import Metrics
from server.telemetry.traces import Untraced
from tests.service.running import arrays, command, until

SECRET = "the row of a patient"


def details_of(fault: grpc.RpcError) -> dict[str, object]:
    raw = dict(fault.trailing_metadata())["grpc-status-details-bin"]
    return {detail.TypeName(): detail for detail in status_pb2.Status.FromString(raw).details}


def start_in_vain(folder, *arguments):
    return subprocess.run(
        command("--state-dir", str(folder), *arguments), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_second_server_on_the_same_state_folder_fails_at_once(server):
    began = time.monotonic()
    done = start_in_vain(server.folder / "state", "--address", "127.0.0.1:0")
    assert done.returncode == 2
    assert "another server already uses state folder" in done.stderr
    assert time.monotonic() - began < 10


def test_a_second_server_on_the_same_port_fails(server, tmp_path):
    done = start_in_vain(tmp_path, "--address", server.address)
    assert done.returncode == 1
    assert f"cannot listen on {server.address}" in done.stderr


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.168.1.1:0", "example.com:50051"])
def test_an_address_that_others_can_reach_is_refused(tmp_path, address):
    done = start_in_vain(tmp_path, "--address", address)
    assert done.returncode == 2
    assert "is open to other machines, which is refused without TLS and authentication" in done.stderr
    assert not (tmp_path / "server.lock").exists()


def test_a_bad_limit_is_refused(tmp_path):
    assert (
        "limit max_rows is 'many'; it must be a whole number"
        in start_in_vain(tmp_path, "--limit", "max_rows=many").stderr
    )
    assert (
        "limit workers is 0; it must be at least 1 processes" in start_in_vain(tmp_path, "--limit", "workers=0").stderr
    )
    assert "there is no limit 'x'" in start_in_vain(tmp_path, "--limit", "x=1").stderr


def test_a_unix_socket_in_a_private_folder_serves(start, tmp_path):
    folder = tmp_path / "door"
    with start(address=f"unix:{folder}/w2s.sock").client() as client:
        assert client.wait(client.submit(arrays())).state == "SUCCEEDED"
    assert folder.stat().st_mode & 0o077 == 0


def test_a_unix_socket_in_an_open_folder_is_refused(tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    done = start_in_vain(tmp_path / "state", "--address", f"unix:{folder}/w2s.sock")
    assert done.returncode == 2
    assert "can be entered by other users; make it private with chmod 700" in done.stderr


def test_the_state_is_private_to_its_user(server):
    state = server.folder / "state"
    assert state.stat().st_mode & 0o077 == 0
    assert [path.name for path in state.iterdir() if path.stat().st_mode & 0o077] == []


def test_a_full_queue_refuses_with_a_pause_and_health_still_answers(start):
    running = start("--limit", "max_queued_jobs=2", "--limit", "retry_seconds=3")
    running.freeze_job_worker()
    with running.client() as client:
        until(lambda: client.job(client.submit(arrays(), "first")).state == "RUNNING")
        for seed in (1, 2):
            client.submit(arrays(seed))
        with pytest.raises(LimitError, match=r"takes 2 waiting jobs and has as many; ask again in 3 s") as caught:
            client.submit(arrays(3))
        assert caught.value.reason == "QUEUE_FULL"
        request = pb.CreateRankingJobRequest(request_id="x", query=convert.query_to_proto(arrays()))
        with pytest.raises(grpc.RpcError) as refused:
            client._rankings.CreateRankingJob(request, timeout=5)
        retry = error_details_pb2.RetryInfo()
        details_of(refused.value)["google.rpc.RetryInfo"].Unpack(retry)
        assert retry.retry_delay.seconds == 3
        assert dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"] == "3000"
        assert len(list(client.jobs())) == 3
        assert check(running.address, "w2s.v1.RankingService") == health_pb2.HealthCheckResponse.SERVING


def check(address: str, service: str) -> int:
    with grpc.insecure_channel(address) as channel:
        return (
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status
        )


@pytest.mark.parametrize("service", ["", "w2s.v1.PredictorService", "w2s.v1.RankingService"])
def test_health_is_known_per_service(server, service):
    assert check(server.address, service) == health_pb2.HealthCheckResponse.SERVING


def test_health_says_not_serving_while_the_server_stops(start):
    running = start("--limit", "drain_seconds=10")
    frozen = running.freeze_job_worker()
    with running.client() as client:
        until(lambda: client.job(client.submit(arrays(), "first")).state == "RUNNING")
        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.events("stopping"))
        assert check(running.address, "w2s.v1.RankingService") == health_pb2.HealthCheckResponse.NOT_SERVING
    os.kill(frozen, signal.SIGCONT)
    assert running.process.wait(20) == 0


def test_health_stays_fast_while_a_worker_computes(server, client):
    name = client.submit(arrays(1, rows=2500))
    times, busy = [], 0
    with grpc.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while not (job := client.job(name)).finished:
            busy += job.state == "RUNNING"
            began = time.monotonic()
            stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
            times.append(time.monotonic() - began)
    assert busy > 100
    assert sorted(times)[int(len(times) * 0.9)] < 0.05


def test_reflection_lists_the_services(server):
    with grpc.insecure_channel(server.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = next(stub.ServerReflectionInfo(iter([request]), timeout=5))
    names = {service.name for service in answer.list_services_response.service}
    assert {"w2s.v1.PredictorService", "w2s.v1.RankingService", "grpc.health.v1.Health"} <= names


def test_every_limit_is_reported(client):
    from dataclasses import fields

    info = client.server_info()
    assert set(info.limits) == {one.name for one in fields(Limits)}
    assert info.limits["max_message_bytes"] == 4 << 20
    assert info.units["max_rows"] == "rows"
    assert "combined" in info.estimators
    assert "grpcio" in info.versions


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (RankingQuery(ModelSpec("s", "/s"), (ModelSpec("w", "/w"),), Pool.numbered(51)), "51 rows in the pool"),
        (RankingQuery(ModelSpec("s", "/s"), (ModelSpec("w", "/w"),), Pool.of(["a", "b" * 101])), "101 bytes in row 1"),
        (
            RankingQuery(ModelSpec("s", "/s"), tuple(ModelSpec(n, "/w") for n in "abcd"), Pool.numbered(9)),
            "4 candidates",
        ),
        (arrays(rows=20), "6 dimensions in 'strong'"),
    ],
)
@pytest.mark.parametrize("limits", ["max_rows=50 max_text_bytes=100 max_candidates=3 max_dimensions=5"])
def test_what_is_too_large_is_refused_before_it_is_stored(small_server, query, text, limits):
    with small_server.client() as client:
        with pytest.raises(LimitError, match=f"{text}.*this server takes at most") as caught:
            client.submit(query)
        assert caught.value.reason == "OVER_LIMIT"
        assert list(client.jobs()) == []


@pytest.fixture(scope="module")
def small_server(tmp_path_factory):
    from tests.service.running import RunningServer

    limits = ("max_rows=50", "max_text_bytes=100", "max_candidates=3", "max_dimensions=5")
    arguments = [part for limit in limits for part in ("--limit", limit)]
    with RunningServer(tmp_path_factory.mktemp("small"), *arguments) as running:
        yield running


def test_an_unknown_estimator_is_refused_before_it_is_stored(client):
    message = convert.query_to_proto(arrays())
    message.settings.estimators[:] = ["astrology"]
    with pytest.raises(grpc.RpcError) as caught:
        client._rankings.CreateRankingJob(pb.CreateRankingJobRequest(request_id="e", query=message), timeout=5)
    violation = error_details_pb2.BadRequest()
    details_of(caught.value)["google.rpc.BadRequest"].Unpack(violation)
    assert violation.field_violations[0].field == "estimator"


@pytest.mark.parametrize("method", ["RankingService/CreateRankingJob", "PredictorService/Predict"])
def test_bytes_that_are_no_message_are_the_fault_of_the_caller(server, method):
    with grpc.insecure_channel(server.address) as channel:
        call = channel.unary_unary(f"/w2s.v1.{method}", request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff\xff\xff", timeout=5)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "the message cannot be parsed" in caught.value.details()


def test_a_request_id_of_the_caller_is_found_in_the_log(server, client):
    from protos.w2s.v1 import ranking_service_pb2_grpc

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
                FaultInterceptor(AuditLog(None), Metrics(), Untraced()),
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
            except grpc.aio.AioRpcError as fault:
                return fault
            finally:
                await server.stop(None)
        raise AssertionError("the call succeeded")

    fault = asyncio.run(ask_faulty())
    assert fault.code() is grpc.StatusCode.INTERNAL
    assert "the server met a fault of its own; its log tells more under request id" in fault.details()
    told = str(fault.details()) + str(fault.trailing_metadata())
    logged = capfd.readouterr().err
    assert SECRET not in told + logged
    internal = next(json.loads(line) for line in logged.splitlines() if "internal_error" in line)
    assert internal["exception"] == "ValueError"
    assert internal["request_id"] in fault.details()
