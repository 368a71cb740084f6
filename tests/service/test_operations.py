"""What operators rely on: metrics, rates, retention, and workers that hang, take too long or too much."""

import json
import os
import signal
import time
import urllib.error
from pathlib import Path

import grpc
import numpy as np
import pytest

from predictor.errors import LimitError, NotFoundError, UnauthenticatedError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.steps import Progress
from protos.w2s.v1 import ranking_service_pb2 as pb
from protos.w2s.v1 import ranking_service_pb2_grpc
from server.access.audit import AuditLog
from server.access.caller import Caller
from server.access.rates import Rates
from server.access.tokens import TokenFile
from server.config import Limits
from server.telemetry.logs import log_error
from server.telemetry.metrics import JobClock, Metrics
from server.workforce.spawn import worker_environment
from tests.service.running import alive, arrays, limited, samples, scrape, under_way, until


def test_metrics_tell_of_calls_jobs_and_workers_and_hold_no_text_of_callers(start):
    running = start("--metrics", "127.0.0.1:0", *limited(worker_jobs=1, max_queued_jobs=1))
    with running.client() as client:
        for seed in range(2):
            assert client.wait(client.submit(arrays(seed), f"secret-{seed}")).state == "SUCCEEDED"
        with pytest.raises(NotFoundError):
            client.job("secret-job")
    with grpc.insecure_channel(running.address) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/w2s.v1.Secret/Method")(b"", timeout=120)
    found = until(
        lambda: reported if (reported := samples(scrape(running)))[("w2s_jobs", ("state", "SUCCEEDED"))] == 2 else None
    )
    created = ("grpc_method", "CreateRankingJob"), ("grpc_service", "w2s.v1.RankingService"), ("grpc_type", "unary")
    assert found[("grpc_server_started_total", *created)] == 2
    assert found[("grpc_server_handled_total", ("grpc_code", "OK"), *created)] == 2
    assert found[("grpc_server_handling_seconds_count", *created)] == 2
    gone = ("grpc_method", "GetRankingJob"), *created[1:]
    assert found[("grpc_server_handled_total", ("grpc_code", "NOT_FOUND"), *gone)] == 1
    assert found[("w2s_job_queue_seconds_count",)] == 2
    assert found[("w2s_job_phase_seconds_count", ("phase", "estimate"))] >= 2
    assert found[("w2s_worker_restarts_total", ("why", "worn"))] >= 1
    assert found[("w2s_event_loop_lag_seconds_count",)] > 0
    assert found[("w2s_rows_extracted_total",)] == 0
    names = {name for name, *_ in found}
    assert "w2s_build_info" in names
    text = scrape(running)
    for family in ("w2s_admission_rejected", "w2s_cache_requests"):
        assert f"# TYPE {family}_total counter" in text
    for secret in ("secret", "Secret", "near", "strong"):
        assert secret not in text


def test_a_refused_call_is_counted_as_the_kind_that_it_is(start, tmp_path):
    TokenFile(tmp_path / "tokens").add("alice", ["read"], 3600)
    running = start("--metrics", "127.0.0.1:0", "--tokens", str(tmp_path / "tokens"))
    with running.client(token="w2s_0000000000000000_unknown") as unknown, pytest.raises(UnauthenticatedError):
        unknown.job("any")
    asked = ("grpc_method", "GetRankingJob"), ("grpc_service", "w2s.v1.RankingService"), ("grpc_type", "unary")
    assert samples(scrape(running))[("grpc_server_handled_total", ("grpc_code", "UNAUTHENTICATED"), *asked)] == 1


def test_health_over_http_comes_with_metrics_only_and_reports_nothing_else(start):
    running = start("--metrics", "127.0.0.1:0")
    assert scrape(running, "/healthz") == "serving\n"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        scrape(running, "/jobs.sqlite")


def test_an_event_loop_that_does_not_come_round_is_not_called_healthy():
    metrics = Metrics()
    assert metrics.responsive()
    assert not metrics.responsive(0.0)


def test_steps_become_times_and_counts():
    metrics = Metrics()
    clock = JobClock(metrics, 0.0)
    steps = [("a", "load", 0, 1), ("a", "load", 1, 1), ("a", "extract", 0, 9), ("a", "extract", 4, 9)]
    steps += [("a", "extract", 9, 9), ("b", "load", 0, 1), ("b", "extract", 9, 9), ("", "estimate", 0, 2)]
    for second, step in enumerate(steps, start=1):
        clock.step(Progress(*step), float(second))
    clock.end(20.0)
    value = metrics.registry.get_sample_value
    assert value("w2s_rows_extracted_total") == 9
    assert [value("w2s_cache_requests_total", {"result": result}) for result in ("hit", "miss")] == [1, 1]
    seconds = {phase: value("w2s_job_phase_seconds_sum", {"phase": phase}) for phase in ("load", "extract", "estimate")}
    assert seconds == {"load": 3.0, "extract": 4.0, "estimate": 12.0}


def test_rates_let_a_seconds_worth_pass_at_once_and_then_one_by_one():
    now = 0.0
    rates = Rates(10, lambda: now)
    assert [rates.take("a") for _ in range(10)] == [0.0] * 10
    assert rates.take("a") == pytest.approx(0.1)
    assert rates.take("b") == 0.0
    now = 0.1
    assert rates.take("a") == 0.0
    assert rates.take("a") > 0
    assert Rates(0).take("a") == 0.0


def test_a_tenant_that_asks_too_often_is_reported_when_to_come_back(start):
    running = start("--metrics", "127.0.0.1:0", *limited(tenant_calls_per_second=1))
    with running.client() as client:
        with pytest.raises(LimitError, match="more calls a second than this server takes") as caught:
            [client.server_info() for _ in range(50)]
        assert caught.value.reason == "TENANT_RATE"
        time.sleep(1.0)
        assert client.server_info().versions
    assert samples(scrape(running))[("w2s_admission_rejected_total", ("reason", "TENANT_RATE"))] >= 1


def test_finished_jobs_are_forgotten_after_their_time(start):
    running = start(*limited(retention_seconds=1))
    with running.client() as client:
        name = client.submit(arrays())
        until(lambda: running.events("jobs_expired"))
        with pytest.raises(NotFoundError):
            client.job(name)


@pytest.mark.parametrize("when", ["idle", "computing"])
def test_a_worker_that_hangs_is_replaced_and_its_job_runs_again(start, when):
    running = start(*limited(worker_silence_seconds=4))
    worker = running.job_worker()
    with running.client() as client:
        if when == "idle":
            os.kill(worker, signal.SIGSTOP)
            name = client.submit(arrays())
        else:
            name = under_way(client, arrays(rows=2500))
            os.kill(worker, signal.SIGSTOP)
        job = client.wait(name, 120)
    assert (job.state, job.attempts) == ("SUCCEEDED", 2)
    assert not alive(worker)
    assert [event["why"] for event in running.events("worker_replaced")] == ["silent"]


def test_a_worker_that_only_computes_for_long_shows_life(start):
    """A job that takes longer than the silence allowed, on as many rows as that needs here."""
    running = start(*limited(worker_silence_seconds=2))
    seconds, rows = 0.0, 2500
    with running.client() as client:
        while seconds < 2:
            job = client.wait(client.submit(arrays(rows=rows)), 120)
            assert (job.state, job.attempts) == ("SUCCEEDED", 1)
            seconds, rows = (job.updated - job.created).total_seconds(), 2 * rows


def test_a_job_that_computes_too_long_fails_and_the_next_one_runs(start):
    running = start(*limited(max_job_seconds=0.3))
    running.freeze_job_worker()
    with running.client() as client:
        job = client.wait(client.submit(arrays()), 120)
        assert (job.state, job.error.reason, job.error.code) == ("FAILED", "JOB_TIMEOUT", "DEADLINE_EXCEEDED")
        assert "the job computed for 0.3 s, the most that this server gives one" in job.error.message
    assert until(lambda: running.events("worker_replaced"))[0]["why"] == "timeout"


def test_a_job_that_needs_more_memory_than_it_may_fails_and_the_server_goes_on(start):
    running = start(*limited(worker_data_bytes=300 << 20))
    wide = np.random.default_rng(0).normal(size=(1000, 8000)).astype(np.float32)
    large = RankingQuery(
        strong=ModelSpec("strong", "array:", values=wide),
        weak=(ModelSpec("weak", "array:", values=wide[:, :4000]),),
        pool=Pool.numbered(len(wide)),
    )
    with running.client() as client:
        job = client.wait(client.submit(large), 120)
        assert job.state == "FAILED"
        assert job.error.reason in ("WORKER_MEMORY", "WORKER_LOST")
        assert client.wait(client.submit(arrays()), 120).state == "SUCCEEDED"


def test_a_memory_budget_is_shared_by_all_workers():
    shared = worker_environment(Limits(workers=3, predict_workers=1, memory_budget_bytes=4 << 30), {})
    assert shared["W2S_WORKER_DATA_BYTES"] == str(1 << 30)
    own = worker_environment(Limits(workers=3, predict_workers=1, memory_budget_bytes=4 << 30, worker_data_bytes=5), {})
    assert own["W2S_WORKER_DATA_BYTES"] == "5"


def test_a_worker_that_has_grown_is_replaced(start):
    running = start(*limited(worker_rss_bytes=1))
    with running.client() as client:
        for seed in range(2):
            assert client.wait(client.submit(arrays(seed))).state == "SUCCEEDED"
    assert [event["why"] for event in running.events("worker_replaced")][:1] == ["worn"]


def test_workers_yield_their_memory_before_the_server(server):
    def score(pid):
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    assert score(server.job_worker()) == 1000
    assert score(server.process.pid) < 1000


def test_several_workers_compute_at_once(start):
    running = start(*limited(workers=2))
    until(lambda: len(running.events("worker_started")) == 2)
    for event in running.events("worker_started"):
        os.kill(event["worker"], signal.SIGSTOP)
    with running.client() as client:
        names = [client.submit(arrays(seed)) for seed in range(2)]
        until(lambda: [client.job(name).state for name in names] == ["RUNNING"] * 2)
        for event in running.events("worker_started"):
            os.kill(event["worker"], signal.SIGCONT)
        assert [client.wait(name).state for name in names] == ["SUCCEEDED"] * 2


def test_calls_are_answered_beside_many_open_watches(start):
    running = start()
    running.freeze_job_worker()
    with running.client() as client, grpc.insecure_channel(running.address) as channel:
        name = client.submit(arrays())
        stub = ranking_service_pb2_grpc.RankingServiceStub(channel)
        calls = [stub.WatchRankingJob(pb.WatchRankingJobRequest(id=name), timeout=120) for _ in range(300)]
        assert all(next(call).job.id == name for call in calls)
        assert all(client.server_info().versions for _ in range(20))
        assert not any(call.done() for call in calls)
        for call in calls:
            call.cancel()


def test_an_entry_that_the_disk_damaged_is_counted(start):
    running = start("--metrics", "127.0.0.1:0", *limited(part_keep_seconds=1))
    damaged = ("w2s_cache_damaged",)
    with running.client() as client:
        client.features.push("kept", arrays().strong.values)
        assert samples(scrape(running))[damaged] == 0
        (entry,) = (running.folder / "cache" / "features" / "entries").rglob("*.w2sf")
        whole = entry.read_bytes()
        entry.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(NotFoundError, match="was lost or damaged; push it again"):
            client.features.pull("kept")
    until(lambda: samples(scrape(running))[damaged] == 1)


def test_a_logged_error_names_its_reason_and_none_of_its_text(capsys):
    try:
        raise LimitError("the disk behind /secret is full.", reason="STORAGE_FULL")
    except LimitError as error:
        log_error("commit_waits", error, job="j")
    line = json.loads(capsys.readouterr().err)
    reported = [line[name] for name in ("event", "exception", "reason", "job")]
    assert reported == ["commit_waits", "LimitError", "STORAGE_FULL", "j"]
    assert line["at"].startswith("tests.service.test_operations:")
    assert "secret" not in str(line)


def test_unknown_callers_cannot_fill_the_audit_log(tmp_path):
    audit = AuditLog(tmp_path / "audit")
    for _ in range(200):
        audit.call("/w2s.v1.RankingService/CreateRankingJob", None, "UNAUTHENTICATED", "x", "ipv4:10.0.0.1")
    audit.call("/w2s.v1.RankingService/CreateRankingJob", Caller("alice"), "OK", "y", "unix")
    lines = (tmp_path / "audit").read_text().splitlines()
    assert 10 <= len(lines) <= 20
    assert '"tenant": "alice"' in lines[-1]


def test_half_an_audit_line_spoils_no_other(tmp_path, monkeypatch):
    audit, real = AuditLog(tmp_path / "audit"), os.write
    audit.event("first")
    with monkeypatch.context() as full:
        full.setattr("server.access.audit.os.write", lambda file, data: real(file, data[: len(data) // 2]))
        audit.event("half")
    audit.event("last")
    lines = (tmp_path / "audit").read_text().splitlines()
    assert [json.loads(line)["event"] for line in (lines[0], lines[-1])] == ["first", "last"]
