"""Spans of calls and jobs, from a real server in this process into memory; and none, nor their packages, unasked."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from client import AsyncPredictorClient
from predictor.errors import InputError, NotFoundError
from server.config import Config, Limits
from server.durable.lock import StateLock
from server.telemetry.exporters import make_traces
from server.telemetry.traces import Untraced
from tests.service.running import arrays

pytest.importorskip("opentelemetry.sdk", reason="spans need the extra telemetry")

SECRET = "a row of somebody"


def served(tmp_path, monkeypatch, act):
    """What `act(client)` returns, and the spans of the server that it talked to."""
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from server.app import serve_with
    from server.telemetry.spans import Spans

    monkeypatch.setenv("W2S_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("server.app.capture_libraries", lambda: None)  # the log of this process is pytest's
    kept = InMemorySpanExporter()
    config = Config(f"unix:{tmp_path}/run/sock", tmp_path / "state", Limits())

    async def both():
        serving = asyncio.create_task(serve_with(config, Spans(kept)))
        while not (tmp_path / "run" / "sock").exists():
            assert not serving.done(), serving
            await asyncio.sleep(0.02)
        async with AsyncPredictorClient(config.address) as client:
            answer = await act(client)
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
        return answer

    (tmp_path / "run").mkdir(mode=0o700)
    with StateLock(config.state_dir):
        answer = asyncio.run(asyncio.wait_for(both(), 90))
    return answer, kept.get_finished_spans()


def test_calls_and_jobs_are_reported_under_the_callers_own_span(tmp_path, monkeypatch):
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanKind, StatusCode

    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    query = arrays(1, broken=True)
    texts = [f"{SECRET} {i}" for i in range(60)]

    async def ask(client):
        with tracer.start_as_current_span("mine") as mine:
            ranking = await client.rank(
                strong=query.strong.values, weak={spec.name: spec.values for spec in query.weak}, pool=texts
            )
            with pytest.raises(NotFoundError):
                await client.job(SECRET)
        await client.server_info()
        return mine.get_span_context(), ranking

    (mine, ranking), spans = served(tmp_path, monkeypatch, ask)
    assert len(ranking.candidates) == 3
    by_name = {span.name: span for span in spans}
    create = by_name["w2s.v1.RankingService/CreateRankingJob"]
    assert (create.context.trace_id, create.parent.span_id) == (mine.trace_id, mine.span_id)
    assert (create.kind, create.attributes["rpc.grpc.status"]) == (SpanKind.SERVER, "OK")
    job = by_name["job"]
    assert (job.context.trace_id, job.parent.span_id) == (mine.trace_id, create.context.span_id)
    assert (job.attributes["w2s.job.state"], job.attributes["w2s.job.attempt"]) == ("PARTIAL", 1)
    for phase in ("job load", "job estimate"):
        assert by_name[phase].parent.span_id == job.context.span_id
        assert job.start_time <= by_name[phase].start_time <= by_name[phase].end_time <= job.end_time
    queued = by_name["job queued"]
    assert queued.parent.span_id == create.context.span_id
    assert queued.start_time <= queued.end_time <= job.start_time + 10**9
    missing = by_name["w2s.v1.RankingService/GetRankingJob"]
    assert missing.attributes["rpc.grpc.status"] == "NOT_FOUND"
    assert missing.status.status_code is StatusCode.UNSET
    assert by_name["w2s.v1.PredictorService/GetServerInfo"].parent is None
    reported = " ".join(span.to_json() for span in spans)
    assert SECRET not in reported
    assert "near" not in reported


@pytest.mark.parametrize("given", ["", "junk", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "00-" + "a" * 500])
def test_a_malformed_parent_is_none(given):
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from server.telemetry.spans import Spans

    kept = InMemorySpanExporter()
    traces = Spans(kept)
    call = traces.call("/w2s.v1.RankingService/GetRankingJob", given, "r")
    assert call.traceparent.startswith("00-")
    call.end("INTERNAL")
    traces.stop()
    (span,) = kept.get_finished_spans()
    assert span.parent is None
    assert not span.status.is_ok


def test_nothing_of_opentelemetry_is_loaded_unasked():
    code = (
        "import sys, server.app, client.client, client.aio\n"
        "from server.telemetry.exporters import make_traces\n"
        "from client.tracing import trace_headers\n"
        "make_traces('none').call('/a/b', '', '').end('OK')\n"
        "assert trace_headers() == ()\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_traces_are_off_unless_asked_for_and_a_missing_package_is_named(monkeypatch):
    assert isinstance(make_traces(Config.read({}).traces), Untraced)
    assert Config.read({"W2S_TRACES": "console"}).traces == "console"
    with pytest.raises(InputError, match="they must be one of none, otlp, console"):
        make_traces("jaeger")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "server.telemetry.spans", raising=False)
    for name in [one for one in sys.modules if one.startswith("opentelemetry.")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"is not installed here: pip install 'w2s-predictor\[telemetry\]'"):
        make_traces("otlp")


def test_a_server_writes_spans_to_its_stderr_where_asked(start):
    running = start("--traces", "console")
    with running.client() as client:
        client.server_info()
    assert running.terminate() == 0
    assert '"name": "w2s.v1.PredictorService/GetServerInfo"' in running.log_text()
