"""Outcomes over a real socket, in a file that others write too."""

from __future__ import annotations

import grpc
import pytest

from predictor.errors import UnavailableError
from predictor.outcomes.outcome import Outcome
from predictor.outcomes.store import OutcomeStore
from protos import convert
from protos.w2s.v1 import calibration_pb2 as pb
from protos.w2s.v1 import calibration_pb2_grpc
from tests.calibration.simulated import outcomes
from tests.service.running import RunningServer
from tests.service.sending import error_of

MADE = outcomes(tasks=20, candidates=30)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("kept"), "--limit=max_page_outcomes=20") as running:
        yield running


def test_a_file_that_others_write_too_is_seen_as_it_is(running):
    folder = running.folder / "state" / "outcomes"
    with running.client() as client:
        client.calibrations.record(MADE[:20])
        own = Outcome("own", "strong", "weak", w2s_error=0.5)
        OutcomeStore(folder).add([own])
        assert list(client.calibrations.outcomes(task="own")) == [own]
        assert client.calibrations.record([own]).repeated == 1


def test_pages_give_all_outcomes_in_order(running):
    with running.client() as client:
        for start in range(0, len(MADE), 20):
            client.calibrations.record(MADE[start : start + 20])
        assert [one for one in client.calibrations.outcomes() if one.task != "own"] == MADE


def test_error_field_names_the_outcome(running):
    """The field of an error is a path from the request to the outcome and its field."""
    stub = calibration_pb2_grpc.CalibrationServiceStub(grpc.insecure_channel(running.address))
    messages = [convert.outcome_to_proto(one) for one in MADE[:3]]
    messages[2].seeds = -1
    with pytest.raises(grpc.RpcError) as caught:
        stub.RecordOutcomes(pb.RecordOutcomesRequest(outcomes=messages), timeout=120)
    assert error_of(caught.value).field == "outcomes[2].seeds"


def test_old_json_lines_are_reported_without_the_servers_path(running):
    old = running.folder / "state" / "outcomes" / "outcomes.jsonl"
    with running.client() as client:
        client.calibrations.record(MADE[:1])
        old.write_text("{}", encoding="utf-8")
        with pytest.raises(UnavailableError, match="take them over with w2s outcomes import") as caught:
            client.calibrations.record(MADE[:1])
        assert str(running.folder) not in caught.value.message
        old.unlink()


def test_a_damaged_file_is_reported_without_the_servers_path(running):
    path = running.folder / "state" / "outcomes" / "outcomes.sqlite"
    with running.client() as client:
        client.calibrations.record(MADE[:20])
        whole = path.read_bytes()
        path.write_bytes(b"no database" * 1000)
        with pytest.raises(UnavailableError, match="outcomes is damaged; ask its operator") as caught:
            list(client.calibrations.outcomes())
        assert str(running.folder) not in caught.value.message
        path.write_bytes(whole)
