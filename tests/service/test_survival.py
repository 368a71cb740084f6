"""What is acknowledged survives: workers that die, servers that die, servers that are stopped."""

import os
import random
import signal
import time

import grpc
import pytest

from predictor.errors import UnavailableError
from protos.w2s.v1 import ranking_service_pb2 as pb
from protos.w2s.v1 import ranking_service_pb2_grpc
from tests.service.model import ROWS, reading, write_model
from tests.service.running import alive, arrays, samples, scrape, under_way, until


def test_a_job_whose_worker_is_killed_runs_again(start):
    running = start()
    frozen = running.freeze_job_worker()
    with running.client() as client:
        name = under_way(client, arrays())
        os.kill(frozen, signal.SIGKILL)
        job = client.wait(name)
    assert (job.state, job.attempts) == ("SUCCEEDED", 2)
    assert [event["attempt"] for event in running.events("job_started")] == [1, 2]


def test_what_a_model_gave_before_its_worker_was_killed_is_not_computed_again(start):
    running = start("--metrics", "127.0.0.1:0")
    strong, weak = (write_model(running.folder / f"model-{seed}", seed) for seed in range(2))
    with running.client() as client:
        name, struck = client.submit(reading(strong, weak, random.Random(0))), False
        for seen in client.watch(name):
            step = seen.progress
            if not struck and step and (step.candidate, step.phase) == ("first", "extract"):
                os.kill(running.job_worker(), signal.SIGKILL)
                struck = True
    assert (seen.state, seen.attempts) == ("SUCCEEDED", 2)
    found = samples(scrape(running))
    assert found[("w2s_cache_requests_total", ("result", "hit"))] == 1
    assert 2 * ROWS <= found[("w2s_rows_extracted_total",)] < 3 * ROWS


def test_a_job_that_ends_every_worker_it_may_fails_as_worker_lost(start):
    running = start("--limit", "max_losses=1")
    with running.client() as client:
        frozen = running.freeze_job_worker()
        name = under_way(client, arrays())
        os.kill(frozen, signal.SIGKILL)
        job = client.wait(name)
        assert (job.state, job.attempts, job.error.reason) == ("FAILED", 1, "WORKER_LOST")
        assert client.wait(client.submit(arrays())).state == "SUCCEEDED"


def test_a_job_survives_the_kill_of_the_server_and_finishes_once(start):
    running = start()
    frozen = running.freeze_job_worker()
    with running.client() as client:
        name = under_way(client, arrays(), "only-once")
        before = client.job(name).revision
    running.kill()
    until(lambda: not alive(frozen))
    again = start()
    with again.client() as client:
        job = client.wait(name)
        assert (job.state, job.attempts) == ("SUCCEEDED", 2)
        assert job.revision > before
        assert client.submit(arrays(), "only-once") == name
        assert [one.id for one in client.jobs()] == [name]
    assert len(again.events("job_finished")) == 1


def test_a_waiting_job_survives_the_kill_of_the_server(start):
    running = start()
    running.freeze_job_worker()
    with running.client() as client:
        names = [client.submit(arrays(seed)) for seed in range(3)]
    running.kill()
    with start().client() as client:
        assert [client.wait(name).state for name in names] == ["SUCCEEDED"] * 3


def test_a_watch_goes_on_across_a_restart_of_the_server(start):
    running = start()
    running.freeze_job_worker()
    with running.client() as client:
        name = client.submit(arrays())
        changes = client.watch(name)
        first = next(changes)
        running.kill()
        start(address=running.address)
        rest = list(changes)
    assert rest[-1].state == "SUCCEEDED"
    revisions = [first.revision, *(job.revision for job in rest)]
    assert revisions == sorted(set(revisions))


def test_sigterm_keeps_the_running_job_and_exits_with_zero(start):
    running = start("--limit", "drain_seconds=0.2")
    frozen = running.freeze_job_worker()
    with running.client(reconnect_seconds=0) as client:
        name = client.submit(arrays())
        changes = client.watch(name)
        next(changes)
        until(lambda: client.job(name).state == "RUNNING")
        assert running.terminate() == 0
        with pytest.raises(UnavailableError):
            list(changes)
    assert not alive(frozen)
    assert running.events("job_released")[0]["job"] == name
    with start().client() as client:
        assert client.wait(name).state == "SUCCEEDED"


def test_sigterm_lets_a_quick_job_finish(start):
    running = start("--limit", "drain_seconds=120")
    frozen = running.freeze_job_worker()
    with running.client() as client:
        name = under_way(client, arrays())
    running.process.send_signal(signal.SIGTERM)
    until(lambda: running.events("stopping"))
    os.kill(frozen, signal.SIGCONT)
    assert running.process.wait(timeout=120) == 0
    assert [event["state"] for event in running.events("job_finished")] == ["SUCCEEDED"]
    with start().client() as client:
        assert client.job(name).state == "SUCCEEDED"


def test_a_server_that_stops_reports_so_and_how_to_go_on(start):
    running = start("--limit", "drain_seconds=60")
    frozen = running.freeze_job_worker()
    with running.client(timeout=120) as client:
        under_way(client, arrays())
        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.events("stopping"))
        with pytest.raises(UnavailableError, match="watching after the last revision seen") as caught:
            client.submit(arrays(1))
        assert caught.value.reason == "SERVER_STOPPING"
    os.kill(frozen, signal.SIGCONT)


@pytest.mark.parametrize("kind", ["watch", "wait"])
def test_open_watches_and_waits_end_with_a_status_that_reports_to_resume(start, kind):
    """They end before the running job does, which here would take until the end of a long drain."""
    running = start("--limit", "drain_seconds=60")
    frozen = running.freeze_job_worker()
    with running.client() as client, grpc.insecure_channel(running.address) as channel:
        name = under_way(client, arrays())
        stub = ranking_service_pb2_grpc.RankingServiceStub(channel)
        if kind == "watch":
            call = stub.WatchRankingJob(pb.WatchRankingJobRequest(id=name, after_revision=1 << 40), timeout=120)
        else:
            call = stub.WaitRankingJob.future(pb.WaitRankingJobRequest(id=name), timeout=120)
        time.sleep(0.3)  # nothing shows that a wait is open; one that comes later ends alike
        running.process.send_signal(signal.SIGTERM)
        assert call.code() is grpc.StatusCode.UNAVAILABLE
        assert running.process.poll() is None
        assert b"SERVER_STOPPING" in dict(call.trailing_metadata())["grpc-status-details-bin"]
    os.kill(frozen, signal.SIGCONT)


def test_a_cancelled_job_ends_its_worker(start):
    running = start()
    frozen = running.freeze_job_worker()
    with running.client() as client:
        name = under_way(client, arrays())
        assert client.cancel(name).state == "CANCELLING"
        job = client.wait(name)
        assert (job.state, job.ranking) == ("CANCELLED", None)
        assert not alive(frozen)
        assert client.cancel(name).state == "CANCELLED"
        assert client.wait(client.submit(arrays(1))).state == "SUCCEEDED"


def test_a_waiting_job_is_cancelled_at_once(start):
    running = start()
    running.freeze_job_worker()
    with running.client() as client:
        client.submit(arrays())
        name = client.submit(arrays(1))
        assert client.cancel(name).state == "CANCELLED"


def test_a_finished_job_is_not_cancelled(client):
    name = client.submit(arrays())
    client.wait(name)
    assert client.cancel(name).state == "SUCCEEDED"


def test_a_worker_is_replaced_after_its_number_of_jobs(start):
    running = start("--limit", "worker_jobs=2")
    with running.client() as client:
        for seed in range(5):
            assert client.wait(client.submit(arrays(seed))).state == "SUCCEEDED"
    assert len(running.events("worker_started")) == 3


def test_an_idle_worker_that_dies_is_replaced_before_the_next_job(start):
    running = start()
    os.kill(running.job_worker(), signal.SIGKILL)
    with running.client() as client:
        assert client.wait(client.submit(arrays())).state == "SUCCEEDED"


def test_workers_end_with_their_server(start):
    running = start()
    workers = [running.job_worker(), running.predict_worker()]
    running.kill()
    until(lambda: not any(alive(worker) for worker in workers))
