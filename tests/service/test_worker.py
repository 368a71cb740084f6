"""A worker process on its own: what it says, what it never says, and when it ends."""

import asyncio
import os
import subprocess
import sys

import pytest
from google.rpc import status_pb2

from protos import convert
from server.config import Limits
from server.workforce import frames
from server.workforce.priorities import Priorities
from server.workforce.process import WorkerLostError, WorkerProcess
from server.workforce.spawn import worker_environment
from server.workforce.worker_plan import plan_slots
from tests.service.running import alive, arrays, until


async def answers(worker: WorkerProcess, request: bytes):
    return [frame async for frame in worker.run(request)]


def with_worker(act):
    async def run():
        worker = await WorkerProcess.start(Limits(), plan_slots(Limits(), ())[0], Priorities())
        try:
            return await act(worker)
        finally:
            await worker.stop(0)

    return asyncio.run(run())


def test_a_worker_reports_steps_and_then_the_ranking():
    request = convert.query_to_proto(arrays()).SerializeToString()
    tags = [tag for tag, _ in with_worker(lambda worker: answers(worker, request))]
    assert tags == ["progress"] * (len(tags) - 1) + ["result"]
    assert len(tags) > 3


def test_workers_yield_the_processor():
    async def niceness(worker):
        return os.getpriority(os.PRIO_PROCESS, worker.pid)

    assert with_worker(niceness) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)


def test_a_worker_that_meets_a_bug_names_it_without_its_text_and_lives_on():
    async def act(worker):
        broken = await answers(worker, b"\xff\xffsecret")
        return broken, await answers(worker, convert.query_to_proto(arrays()).SerializeToString())

    broken, sound = with_worker(act)
    error = convert.error_from_status(status_pb2.Status.FromString(broken[-1][1]))
    assert error.reason == "WORKER_FAILED"
    assert "DecodeError at" in error.message
    assert "Error parsing" not in error.message
    assert sound[-1][0] == "result"


def test_a_worker_ends_with_its_pipe_even_where_nobody_signals_it():
    process = subprocess.Popen(
        [sys.executable, "-m", "server.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=worker_environment(Limits()),
    )
    assert frames.read(process.stdout) == ("ready", b"")
    process.stdin.close()
    assert process.wait(120) == 0


def test_a_worker_whose_parent_is_gone_before_it_starts_ends_at_once():
    environment = worker_environment(Limits()) | {"W2S_WORKER_PARENT": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "server.worker"], env=environment, stdin=subprocess.PIPE, timeout=120, check=False
    )
    assert done.returncode == 0


def test_a_library_that_prints_does_not_break_the_frames():
    code = (
        "import os, server.worker as worker\n"
        "inward, outward = worker._take_pipes()\n"
        "print('noise from a library', flush=True); os.system('echo noise from a child')\n"
        "worker._send(outward, 'ready')"
    )
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.PIPE, capture_output=True, check=True)
    assert done.stdout == frames.pack("ready")
    assert done.stderr.count(b"noise") == 2


def test_stopping_ends_a_worker_and_its_children():
    async def act(worker):
        child = subprocess.Popen(["sleep", "60"], process_group=worker.pid)  # as one that a library had started
        await worker.stop(1)
        with pytest.raises(WorkerLostError):
            await answers(worker, b"")
        return worker.pid, child

    pid, child = with_worker(act)
    assert child.wait(120) < 0
    until(lambda: not alive(pid))


def test_a_worker_gets_few_variables_no_hub_and_pinned_threads():
    given = {"PATH": "/bin", "HOME": "/h", "W2S_CACHE_DIR": "/c", "OPENBLAS_CORETYPE": "Zen"}
    found = worker_environment(Limits(worker_threads=3), given)
    assert found["W2S_CACHE_DIR"] == "/c"
    assert (found["HF_HUB_OFFLINE"], found["OMP_NUM_THREADS"], found["OPENBLAS_NUM_THREADS"]) == ("1", "3", "1")
    assert found["OPENBLAS_CORETYPE"] == "Zen"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("W2S_DATABASE", "postgresql://w2s:secret@db/w2s"),
        ("W2S_TOKENS", "/secret"),
        ("W2S_ANYTHING_NEW", "secret"),
        ("PIP_PASSWORD", "secret"),
        ("PIP_INDEX_URL", "https://user:secret@index.example/simple"),
        ("PIP_EXTRA_INDEX_URL", "https://a.example/simple https://user:secret@b.example/simple"),
        ("HTTPS_PROXY", "http://user:secret@proxy.example:3128"),
        ("HTTPS_PROXY", "user:secret@proxy.example:3128"),
        ("HF_TOKEN", "secret"),
        ("XDG_SECRET", "secret"),
    ],
)
def test_a_worker_gets_no_variable_that_holds_a_secret(name: str, value: str):
    assert not any("secret" in text for text in worker_environment(Limits(), {name: value}).values())


def test_a_worker_gets_the_index_and_the_proxy_where_they_hold_no_password():
    given = {"PIP_INDEX_URL": "https://index.example/simple", "HTTPS_PROXY": "http://proxy.example:3128"}
    assert given.items() <= worker_environment(Limits(), given).items()
