"""Local models of a server: inside the operator's folders, or absent."""

from __future__ import annotations

from pathlib import Path

import grpc
import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.steps import drain
from predictor.store.arrays import ArraySource
from protos import convert
from protos.w2s.v1 import ranking_service_pb2 as pb
from protos.w2s.v1 import ranking_service_pb2_grpc
from server.access.caller import LOCAL
from server.workforce.model_roots import LOCAL_USER, ROOTS, guarded, roots_of
from tests.service.running import RunningServer

ROWS = 60


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", rng.normal(size=(ROWS, 5)))
    (tmp_path / "in" / "link.npy").symlink_to(tmp_path / "out" / "a.npy")
    return tmp_path


def test_named_folders_bind_everybody_and_without_them_only_this_machines_user_reads_paths(folders: Path):
    free, spec = ArraySource(), ModelSpec("a", f"array:{folders / 'in' / 'a.npy'}")
    outside = ModelSpec("a", f"array:{folders / 'out' / 'a.npy'}")
    assert (
        len(drain(guarded(free, roots_of(LOCAL, {LOCAL_USER: "1"})).features(outside, Pool.numbered(ROWS), Settings())))
        == 1
    )
    source = guarded(free, roots_of(LOCAL, {ROOTS: str(folders / "in")}))
    assert len(drain(source.features(spec, Pool.numbered(ROWS), Settings()))) == 1
    with pytest.raises(NotFoundError, match="does not exist in the folders that this server reads models from"):
        drain(source.features(outside, Pool.numbered(ROWS), Settings()))


def test_errors_name_paths_as_the_caller_gave_them(folders: Path):
    (folders / "in" / "bad.npy").write_text("no array")
    source = guarded(ArraySource(), roots_of("alice", {ROOTS: str(folders / "in")}))
    with pytest.raises(InputError, match=r"'bad\.npy' is not a readable \.npy array") as caught:
        drain(source.features(ModelSpec("a", "array:bad.npy"), Pool.numbered(ROWS), Settings()))
    assert str(folders) not in f"{caught.value.message} {caught.value.field}"


def test_other_tenants_without_named_folders_read_no_local_path(folders: Path):
    spec = ModelSpec("a", f"array:{folders / 'in' / 'a.npy'}")
    source = guarded(ArraySource(), roots_of("alice", {}))
    with pytest.raises(NotFoundError, match="does not exist in the folders that this server reads models from"):
        drain(source.features(spec, Pool.numbered(ROWS), Settings()))


def test_a_model_outside_the_folders_fails_alone_on_a_running_server(folders: Path):
    strong = ModelSpec("s", "array:s", values=np.random.default_rng(1).normal(size=(ROWS, 6)))
    weak = tuple(
        ModelSpec(name, f"array:{folders / place}")
        for name, place in (("inside", "in/a.npy"), ("outside", "out/a.npy"), ("linked", "in/link.npy"))
    )
    query = RankingQuery(strong, weak, Pool.numbered(ROWS))
    with RunningServer(folders, "--model-root", str(folders / "in")) as server, server.client() as client:
        # Below the client's own reading of arrays: the reference as it is reaches the server.
        job = client.wait(submit_as_typed(server.address, query))
    assert job.state == "PARTIAL"
    assert job.ranking is not None
    assert [c.name for c in job.ranking.candidates if c.status == "ok"] == ["inside"]
    assert [c.error.reason for c in job.ranking.candidates if c.error] == ["MODEL_NOT_FOUND"] * 2


def submit_as_typed(address: str, query: RankingQuery) -> str:
    """Create the job by the bare stub, which reads no file on this side."""
    with grpc.insecure_channel(address) as channel:
        stub = ranking_service_pb2_grpc.RankingServiceStub(channel)
        request = pb.CreateRankingJobRequest(request_id="given", query=convert.query_to_proto(query))
        return stub.CreateRankingJob(request, timeout=120).job.id
