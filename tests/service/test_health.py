"""Health: per service, quick while a worker computes, and first to tell of a full queue and of the end."""

import os
import signal

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from predictor.errors import LimitError
from protos import convert
from protos.w2s.v1 import ranking_service_pb2 as pb
from tests.service.running import arrays, under_way, until
from tests.service.sending import details_of


def test_a_full_queue_refuses_with_a_pause_and_health_still_answers(start):
    running = start("--limit", "max_queued_jobs=2", "--limit", "retry_seconds=3")
    running.freeze_job_worker()
    with running.client() as client:
        under_way(client, arrays(), "first")
        for seed in (1, 2):
            client.submit(arrays(seed))
        with pytest.raises(LimitError, match=r"takes 2 waiting jobs and has as many; ask again in 3 s") as caught:
            client.submit(arrays(3))
        assert caught.value.reason == "QUEUE_FULL"
        request = pb.CreateRankingJobRequest(request_id="x", query=convert.query_to_proto(arrays()))
        with pytest.raises(grpc.RpcError) as refused:
            client._rankings.CreateRankingJob(request, timeout=120)
        retry = error_details_pb2.RetryInfo()
        details_of(refused.value)["google.rpc.RetryInfo"].Unpack(retry)
        assert retry.retry_delay.seconds == 3
        assert dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"] == "3000"
        assert len(list(client.jobs())) == 3
        assert check(running.address, "w2s.v1.RankingService") == health_pb2.HealthCheckResponse.SERVING


def check(address: str, service: str) -> int:
    with grpc.insecure_channel(address) as channel:
        return (
            health_pb2_grpc.HealthStub(channel)
            .Check(health_pb2.HealthCheckRequest(service=service), timeout=120)
            .status
        )


@pytest.mark.parametrize("service", ["", "w2s.v1.PredictorService", "w2s.v1.RankingService"])
def test_health_is_known_per_service(server, service):
    assert check(server.address, service) == health_pb2.HealthCheckResponse.SERVING


def test_health_reports_not_serving_while_the_server_stops(start):
    running = start("--limit", "drain_seconds=120")
    frozen = running.freeze_job_worker()
    with running.client() as client:
        under_way(client, arrays(), "first")
        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.events("stopping"))
        assert check(running.address, "w2s.v1.RankingService") == health_pb2.HealthCheckResponse.NOT_SERVING
    os.kill(frozen, signal.SIGCONT)
    assert running.process.wait(120) == 0


def test_health_answers_while_a_worker_computes(server, client):
    name = client.submit(arrays(1, rows=2500))
    answered = 0
    with grpc.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while not (job := client.job(name)).finished:
            stub.Check(health_pb2.HealthCheckRequest(), timeout=120)
            answered += job.state == "RUNNING"
    assert answered
