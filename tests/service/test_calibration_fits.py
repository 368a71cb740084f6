"""Fits over a real socket: a worker's work, which ends with its call, its time or its memory, and leaves all whole."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import grpc
import pytest

from client import PredictorClient
from predictor.errors import DeadlineError, LimitError, UnavailableError
from protos.w2s.v1 import calibration_pb2 as pb
from protos.w2s.v1 import calibration_pb2_grpc
from server.config import Limits
from server.workforce.worker_plan import plan_slots, side_share
from tests.calibration.simulated import outcomes
from tests.service.running import RunningServer, alive, arrays, until
from tests.service.sending import error_of

MADE = outcomes()


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[RunningServer]:
    limits = ("--limit=max_predict_waiting=2", "--limit=retry_seconds=3")
    with RunningServer(tmp_path_factory.mktemp("fitted"), *limits) as running, running.client() as client:
        client.calibrations.record(MADE)
        yield running


@contextmanager
def held(running: RunningServer) -> Iterator[None]:
    """The outcomes locked, so that a fit waits for them for as long as a test likes."""
    path = running.folder / "state" / "outcomes" / "outcomes.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        yield


def begin(running: RunningServer, name: str) -> Any:
    """A call that fits, of a client that repeats nothing."""
    stub = calibration_pb2_grpc.CalibrationServiceStub(grpc.insecure_channel(running.address))
    return stub.FitCalibration.future(pb.FitCalibrationRequest(name=name), timeout=120)


def workers(running: RunningServer) -> list[int]:
    return [event["worker"] for event in running.events("fit_worker_started")]


def next_worker(running: RunningServer, before: int) -> int:
    return int(until(lambda: workers(running)[before:])[0])


def error_from(call: Any) -> Exception:
    with pytest.raises(grpc.RpcError) as caught:
        call.result()
    return error_of(caught.value)


def names(client: PredictorClient) -> list[str]:
    return [one.name for one in client.calibrations.ls()]


def test_a_fit_whose_worker_is_killed_tells_its_caller_and_leaves_the_stores_as_they_were(running):
    before = len(workers(running))
    with running.client() as client:
        kept = names(client)
        with held(running):
            call = begin(running, "killed")
            os.kill(next_worker(running, before), signal.SIGKILL)
            error = error_from(call)
        assert isinstance(error, UnavailableError)
        assert (error.reason, "died over this call, and nothing was changed" in error.message) == ("WORKER_LOST", True)
        assert (list(client.calibrations.outcomes()), names(client)) == (MADE, kept)
        assert client.calibrations.fit("killed").name == "killed"


def test_a_fit_whose_caller_goes_away_is_ended_and_the_next_one_answered(running):
    before = len(workers(running))
    with running.client() as client, held(running):
        call = begin(running, "left")
        worker = next_worker(running, before)
        call.cancel()
        until(lambda: not alive(worker))
        assert "left" not in names(client)
    assert begin(running, "left").result().calibration.name == "left"


def test_fits_take_turns_and_too_many_are_refused_with_a_pause(running):
    before = len(workers(running))
    with held(running):
        calls = [begin(running, name) for name in ("first", "second")]
        until(lambda: workers(running)[before:])
        time.sleep(0.5)
        assert len(workers(running)) == before + 1
        error = error_from(begin(running, "third"))
        assert (type(error), error.reason) == (LimitError, "FIT_BUSY")
        assert "takes 2 fits at once and has as many; ask again in 3 s" in error.message
    assert [call.result().calibration.name for call in calls] == ["first", "second"]
    assert len(workers(running)) == before + 2
    assert not any(alive(worker) for worker in workers(running))


def test_predictions_jobs_and_calibrations_do_not_wait_for_a_fit(running):
    before = len(workers(running))
    with running.client(timeout=120) as client:
        client.calibrations.fit("there")
        with held(running):
            call = begin(running, "slow")
            worker = next_worker(running, before + 1)
            assert client.predict(arrays()).candidates
            assert client.wait(client.submit(arrays(1))).state == "SUCCEEDED"
            assert client.calibrations.get("there") in client.calibrations.ls()
            assert alive(worker)
        assert call.result().calibration.name == "slow"


def test_a_fit_over_its_time_is_ended(tmp_path):
    with RunningServer(tmp_path, "--limit=max_predict_seconds=0.5") as running:
        with running.client() as client:
            client.calibrations.record(MADE)
        with held(running):
            error = error_from(begin(running, "late"))
        assert (type(error), error.reason) == (DeadlineError, "FIT_TOO_LONG")
        assert "took longer than 0.5 s" in error.message
        assert not alive(workers(running)[0])


def test_a_fit_that_needs_more_memory_than_it_may_fails_and_the_server_goes_on(tmp_path):
    with RunningServer(tmp_path, f"--limit=worker_data_bytes={300 << 20}") as running, running.client() as client:
        client.calibrations.record(MADE)
        with closing(sqlite3.connect(running.folder / "state" / "outcomes" / "outcomes.sqlite")) as database:
            with database:
                large = "INSERT INTO outcomes (id, task, strong, recipe, json) VALUES ('x', '', '', '', zeroblob(?))"
                database.execute(large, (256 << 20,))
            error = error_from(begin(running, "large"))
            assert error.reason in ("WORKER_MEMORY", "WORKER_LOST")
            with database:
                database.execute("DELETE FROM outcomes WHERE id = 'x'")
        assert client.calibrations.fit("small").name == "small"


def test_no_error_of_the_disk_that_a_fit_meets_names_a_place(running):
    folder = running.folder / "state" / "outcomes"
    (folder / "outcomes.sqlite").rename(folder / "aside")
    (folder / "outcomes.sqlite").mkdir()
    try:
        error = error_from(begin(running, "blocked"))
    finally:
        (folder / "outcomes.sqlite").rmdir()
        (folder / "aside").rename(folder / "outcomes.sqlite")
    assert error.message == "the server cannot read or write its outcomes; ask its operator to look at the disk."


def test_a_server_that_stops_ends_the_fit_and_exits_with_zero(tmp_path):
    with RunningServer(tmp_path) as running:
        with running.client() as client:
            client.calibrations.record(MADE)
        with held(running):
            call = begin(running, "stopped")
            worker = next_worker(running, 0)
            assert running.terminate() == 0
            assert call.code() != grpc.StatusCode.OK
        until(lambda: not alive(worker))


def test_predict_and_fits_share_the_part_of_one_worker_in_the_memory():
    limits = Limits(workers=3, memory_budget_bytes=4 << 30)
    slots = plan_slots(limits, ())
    side = side_share(slots, limits)
    taken = sum(one.data_bytes for one in slots) + (limits.predict_workers + 1) * side.data_bytes
    assert 0 <= (4 << 30) - taken < 16
    own = Limits(workers=3, memory_budget_bytes=4 << 30, worker_data_bytes=5)
    assert side_share(plan_slots(own, ()), own).data_bytes == 5


def test_the_front_process_does_not_load_what_fits():
    code = "import sys, server.app; print('predictor.calibration.calibrate' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
