"""Every RPC of every service against every kind of caller, generated from the descriptors."""

import contextlib
import importlib
import pkgutil
import queue
import time
from dataclasses import dataclass

import grpc
import numpy as np
import pytest
from google.protobuf import message_factory
from google.rpc import status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

import protos.w2s.v1
from predictor.store.manifest import Manifest
from protos import convert
from protos.parts import PartManifest, part_manifest_to_proto
from server.access.scopes import NEEDED, OPEN
from server.access.tokens import TokenFile
from server.reflection import descriptor_of_v1
from tests.calibration.simulated import outcomes
from tests.service.running import RunningServer, arrays, under_way

HOUR = 3600.0
"""Seconds from a revocation to the end of the last open call: 1 promised, the rest for a busy machine."""


def methods():
    """Descriptors of every method that the server answers, by full name."""
    modules = [
        importlib.import_module(f"protos.w2s.v1.{one.name}")
        for one in pkgutil.iter_modules(protos.w2s.v1.__path__)
        if one.name.endswith("_pb2")
    ]
    return {
        f"/{service.full_name}/{method.name}": method
        for file in (*(one.DESCRIPTOR for one in (*modules, health_pb2, reflection_pb2)), descriptor_of_v1())
        for service in file.services_by_name.values()
        for method in service.methods
    }


@dataclass(frozen=True)
class MatrixRow:
    """How to ask a method: fields of its message, whether they name what is alice's, whether the call stays open."""

    fields: dict[str, object]
    names: bool = False
    stays: bool = False


def query():
    return convert.query_to_proto(arrays(rows=9))


VALUES = np.ones((3, 2), np.float32)
PART = part_manifest_to_proto(PartManifest("ab" * 32, 9))
ROWS = {
    "/grpc.health.v1.Health/Check": MatrixRow({}),
    "/grpc.health.v1.Health/List": MatrixRow({}),
    "/grpc.health.v1.Health/Watch": MatrixRow({}, stays=True),
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": MatrixRow({"list_services": ""}, stays=True),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": MatrixRow({"list_services": ""}, stays=True),
    "/w2s.v1.CalibrationService/FitCalibration": MatrixRow({"name": "unfit"}),
    "/w2s.v1.CalibrationService/GetCalibration": MatrixRow({"name": "kept"}, names=True),
    "/w2s.v1.CalibrationService/ListCalibrations": MatrixRow({}),
    "/w2s.v1.CalibrationService/ListOutcomes": MatrixRow({}),
    "/w2s.v1.CalibrationService/RecordOutcomes": MatrixRow({}),
    "/w2s.v1.FeatureService/DeleteFeatures": MatrixRow({"name": "kept"}, names=True),
    "/w2s.v1.FeatureService/DownloadFeatures": MatrixRow({"name": "kept"}, names=True),
    "/w2s.v1.FeatureService/ListFeatures": MatrixRow({}),
    "/w2s.v1.FeatureService/QueryUpload": MatrixRow(
        {"manifest": convert.manifest_to_proto(Manifest.of("new", VALUES))}
    ),
    "/w2s.v1.FeatureService/UploadFeatures": MatrixRow(
        {"manifest": convert.manifest_to_proto(Manifest.of("new", VALUES))}, stays=True
    ),
    "/w2s.v1.PartService/QueryPart": MatrixRow({"manifest": PART}),
    "/w2s.v1.PartService/UploadPart": MatrixRow({"manifest": PART}, stays=True),
    "/w2s.v1.PredictorService/GetServerInfo": MatrixRow({}),
    "/w2s.v1.PredictorService/Predict": MatrixRow({"query": query()}),
    "/w2s.v1.PredictorService/Validate": MatrixRow({"query": query()}),
    "/w2s.v1.RankingService/CancelRankingJob": MatrixRow({"id": "JOB"}, names=True),
    "/w2s.v1.RankingService/CreateRankingJob": MatrixRow({"request_id": "again", "repeat_of": "JOB"}, names=True),
    "/w2s.v1.RankingService/DeleteRankingJob": MatrixRow({"id": "JOB"}, names=True),
    "/w2s.v1.RankingService/GetRankingJob": MatrixRow({"id": "JOB"}, names=True),
    "/w2s.v1.RankingService/ListRankingJobs": MatrixRow({}),
    "/w2s.v1.RankingService/WaitRankingJob": MatrixRow({"id": "JOB"}, names=True, stays=True),
    "/w2s.v1.RankingService/WatchRankingJob": MatrixRow({"id": "JOB"}, names=True, stays=True),
}
METHODS = methods()


@dataclass
class Place:
    """A server with one running job and one feature set of alice's, and tokens by kind of caller."""

    running: RunningServer
    file: TokenFile
    tokens: dict[str, str]
    job: str

    def message(self, name, job=None):
        fields = {key: (job or self.job) if value == "JOB" else value for key, value in ROWS[name].fields.items()}
        return message_factory.GetMessageClass(METHODS[name].input_type)(**fields)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    file = TokenFile(folder / "tokens")
    tokens = {
        "alice": file.add("alice", ["admin"], HOUR),
        "revoked": file.add("alice", ["admin"], HOUR),
        "expired": file.add("alice", ["admin"], 0),
        "reader": file.add("alice", ["read"], HOUR),
        "bob": file.add("bob", ["read", "submit", "upload"], HOUR),
    }
    with RunningServer(folder, "--tokens", str(file.path), "--limit", "worker_silence_seconds=600") as running:
        running.predict_worker()
        running.freeze_job_worker()
        with running.client(token=tokens["alice"]) as alice:
            job = under_way(alice, arrays())
            alice.features.push("kept", VALUES)
            alice.calibrations.record(outcomes())
            alice.calibrations.fit("kept")
        yield Place(running, file, tokens, job)


def begin(channel, name, message, authorization):
    """A call with its one message sent and its sending side open; answers are read as they come."""
    method = METHODS[name]
    inward, outward = method.client_streaming, method.server_streaming
    make = getattr(channel, f"{'stream' if inward else 'unary'}_{'stream' if outward else 'unary'}")
    call = make(name, request_serializer=lambda one: one.SerializeToString(), response_deserializer=bytes)
    metadata = () if authorization is None else (("authorization", authorization),)
    sent = message
    if inward:
        waiting = queue.SimpleQueue()
        waiting.put(message)
        sent = iter(waiting.get, None)
    begun = call(sent, timeout=120, metadata=metadata) if outward else call.future(sent, timeout=120, metadata=metadata)
    return begun, (waiting if inward else None)


def code_of(place, name, authorization, *, job=None):
    """Status of a whole call; of one that stays open, of what it says at once, OK where it lets us stay."""
    with grpc.insecure_channel(place.running.address) as channel:
        call, waiting = begin(channel, name, place.message(name, job), authorization)
        if waiting is not None:
            waiting.put(None)
        if ROWS[name].stays and METHODS[name].server_streaming:
            try:
                next(call)
            except StopIteration:
                return grpc.StatusCode.OK
            except grpc.RpcError:
                return call.code()
            call.cancel()
            return grpc.StatusCode.OK
        if METHODS[name].server_streaming:
            with contextlib.suppress(grpc.RpcError):
                list(call)
        return call.code()


def test_every_rpc_has_a_row_and_a_scope():
    assert set(ROWS) == set(METHODS)
    assert set(NEEDED) | OPEN == set(METHODS)
    assert not set(NEEDED) & OPEN
    assert {name for name in METHODS if name.startswith("/grpc.health.")} == OPEN


WRONG = "w2s_" + "0" * 16 + "_" + "A" * 43
BAD = {
    "none": None,
    "empty": "",
    "malformed": "Bearer ~!",
    "other scheme": "Basic YWxpY2U6eA==",
    "no scheme": "{alice}",
    "two words": "Bearer {alice} x",
    "wrong": f"Bearer {WRONG}",
    "wrong secret": "Bearer {alice-id}_" + "A" * 43,
    "cut": "Bearer {alice-cut}",
    "long": "Bearer " + "w" * 4000,
    "expired": "Bearer {expired}",
}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_who_is_not_known_gets_nothing(place, name):
    alice = place.tokens["alice"]
    parts = {"alice": alice, "alice-id": alice[:20], "alice-cut": alice[:-1], "expired": place.tokens["expired"]}
    expected = grpc.StatusCode.OK if name in OPEN else grpc.StatusCode.UNAUTHENTICATED
    found = {}
    for kind, authorization in BAD.items():
        for part, value in parts.items():
            authorization = authorization and authorization.replace("{" + part + "}", value)
        found[kind] = code_of(place, name, authorization)
    assert found == dict.fromkeys(BAD, expected)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_who_may_only_read_changes_nothing(place, name):
    code = code_of(place, name, f"Bearer {place.tokens['reader']}", job="0" * 16)
    if name in OPEN:
        assert code == grpc.StatusCode.OK
    elif NEEDED[name] == "read":
        assert code in (grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND)
    else:
        assert code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("name", sorted(name for name, row in ROWS.items() if row.names))
def test_what_another_tenant_owns_reads_as_absent(place, name):
    bob = f"Bearer {place.tokens['bob']}"
    with grpc.insecure_channel(place.running.address) as channel:
        reported = []
        for message in (place.message(name), place.message(name, "0" * 16)):
            if "name" in ROWS[name].fields and reported:
                message.name = "gone"
            call, _ = begin(channel, name, message, bob)
            assert call.code() is grpc.StatusCode.NOT_FOUND
            status = status_pb2.Status.FromString(dict(call.trailing_metadata())["grpc-status-details-bin"])
            reported.append(convert.error_from_status(status))
    mine, absent = reported
    assert mine.reason == absent.reason
    assert mine.message.replace(place.job, "0" * 16).replace("kept", "gone") == absent.message


@pytest.mark.parametrize("name", sorted(name for name, row in ROWS.items() if not row.names and name not in OPEN))
def test_what_names_nothing_answers_another_tenant_about_its_own_things(place, name):
    assert code_of(place, name, f"Bearer {place.tokens['bob']}") in (
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,  # an upload that ends after its manifest, a fit on no outcome
    )
    with place.running.client(token=place.tokens["bob"]) as bob:
        assert (list(bob.jobs()), list(bob.features.ls())) == ([], [])
        assert (list(bob.calibrations.outcomes()), bob.calibrations.ls()) == ([], ())


def test_a_revoked_token_ends_every_open_call_and_opens_none(place):
    """Last in this file: the other tests do not need this token."""
    token = place.tokens["revoked"]
    held = sorted(name for name, row in ROWS.items() if row.stays and name not in OPEN)
    assert len(held) >= 4
    with grpc.insecure_channel(place.running.address) as channel:
        calls = {name: begin(channel, name, place.message(name), f"Bearer {token}")[0] for name in held}
        for name, call in calls.items():
            if METHODS[name].server_streaming:
                next(call)
        time.sleep(0.5)
        assert not any(call.done() for call in calls.values())
        place.file.revoke(token.split("_")[1])
        for name, call in calls.items():
            if METHODS[name].server_streaming:
                with contextlib.suppress(grpc.RpcError):  # what came before the revocation is read first
                    list(call)
            call.code()
        assert {name: call.code() for name, call in calls.items()} == dict.fromkeys(
            held, grpc.StatusCode.UNAUTHENTICATED
        )
    for name in sorted(set(METHODS) - OPEN):
        assert code_of(place, name, f"Bearer {token}") is grpc.StatusCode.UNAUTHENTICATED, name
