"""The path corpus, by every way in which a path can reach the server."""

import json
import os
import re
import threading
import uuid
from contextlib import closing
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.rpc import status_pb2
from safetensors.numpy import save_file

from predictor.errors import InputError, NotFoundError, W2SError
from predictor.models.held import HeldFiles
from predictor.models.reference import ModelReference
from predictor.pools import Pool
from predictor.query import ModelSpec, RankingQuery
from predictor.settings import Settings
from predictor.store.manifest import Manifest
from protos import convert
from protos.w2s.v1 import calibration_pb2 as calibration
from protos.w2s.v1 import (
    calibration_pb2_grpc,
    features_pb2_grpc,
    predictor_service_pb2_grpc,
    ranking_service_pb2_grpc,
)
from protos.w2s.v1 import features_pb2 as features
from protos.w2s.v1 import predictor_service_pb2 as ask_pb2
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.access.tokens import TokenFile
from tests.extraction.test_onnx import make_graph
from tests.service.paths import SECRET, corpus, furnish
from tests.service.running import RunningServer, arrays
from tests.service.sending import chunks

ROWS = 30
MARK = "7391.0625"
"""What every file outside the root holds, and no answer may."""

KINDS = ("", "onnx:", "gguf:", "array:")
REFUSED = {
    "MODEL_NOT_FOUND", "BAD_REFERENCE", "UNPINNED_REVISION", "FEATURES_NOT_FOUND", "BAD_FEATURE_NAME", "NO_WEIGHTS",
    "MODEL_FORMAT", "ARRAYS_ONLY", "EMPTY_NAME", "CONFIG_UNREADABLE", "NO_TOKENIZER",
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A furnished root with one good array, beside a secret."""
    top = tmp_path_factory.mktemp("paths")
    (top / SECRET / "model").mkdir(parents=True)
    (top / "root").mkdir()
    (top / "root-other").mkdir()
    marked = np.full((ROWS, 3), float(MARK), np.float32)
    for place in (f"{SECRET}/a.npy", "root-other/a.npy"):
        np.save(top / place, marked)
    save_file({"a": marked}, top / SECRET / "model" / "model.safetensors")
    (top / SECRET / "model" / "config.json").write_text(json.dumps({"model_type": "bert", "mark": MARK}))
    (top / SECRET / "model" / "tokenizer.json").write_text(MARK)
    save_file(
        {"a": np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)}, top / "root" / "good.safetensors"
    )
    furnish(top / "root")
    return top / "root"


@pytest.fixture(scope="module")
def names(root) -> list[str]:
    return corpus(root)


def test_the_corpus_is_large_enough(names):
    assert len(names) >= 200


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_is_held_from_outside_and_none_is_waited_for(root, names, kind):
    """Also with no roots at all, which is how callers with tokens meet a server without `--model-root`."""
    for roots in ([root], []):
        for name in names:
            for text in (kind + name, f"{kind}good.safetensors#tokenizer={kind}{name}"):
                try:
                    with closing(HeldFiles(text, roots)) as files:
                        _all_inside(files, root)
                except (NotFoundError, InputError):
                    continue


def _all_inside(files: HeldFiles, root: Path) -> None:
    """Every file of a name that does lead to something must lie in the root, the good ones being there on purpose."""
    reference = ModelReference.parse(files.reference)
    for part in (reference.locator, reference.tokenizer):
        if part is None or not part.startswith(("/", *KINDS[1:])):
            continue
        place = Path(ModelReference.parse(part).locator.partition("::")[0])
        held = [place] if place.is_file() else list(place.iterdir())
        for file in held:
            assert file.resolve().is_relative_to(root), (files.reference, file.resolve())
            assert MARK not in file.read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    "inner", ["../" * n + "etc/hostname" for n in range(1, 12)] + ["numpy/../../x", "a\0b", "./.."]
)
def test_a_package_gives_nothing_from_outside_it(tmp_path, monkeypatch, inner):
    from predictor.models.resolve import resolve

    monkeypatch.setenv("W2S_OFFLINE", "1")
    with pytest.raises(W2SError) as caught:
        resolve(ModelReference.parse(f"pypi:numpy=={np.__version__}/{inner}"), tmp_path)
    assert caught.value.reason in ("OFFLINE", "MODEL_NOT_FOUND", "UNSAFE_ARCHIVE", "BAD_REFERENCE")


@pytest.fixture(scope="module", params=["roots", "no roots"])
def place(request, root, tmp_path_factory):
    """A running server and the metadata of a caller who is not this machine's own user."""
    folder = tmp_path_factory.mktemp("server")
    file = TokenFile(folder / "tokens")
    token = file.add("alice", ["admin"], 3600.0)
    limits = ("--limit", "max_candidates=3000", "--limit", "tenant_calls_per_second=0")
    roots = ("--model-root", str(root)) if request.param == "roots" else ()
    with RunningServer(folder, "--tokens", str(file.path), *limits, *roots) as running:
        running.job_worker()
        with grpc.insecure_channel(running.address) as channel:
            yield running, channel, (("authorization", f"Bearer {token}"),)


def test_no_name_of_a_model_reads_outside_over_the_wire(place, root, names):
    running, channel, metadata = place
    typed = [kind + name for kind in (*KINDS, "features:") for name in names]
    typed += [f"array:good.safetensors#tokenizer={name}" for name in names]
    typed = [text for text in dict.fromkeys(typed) if text.strip() and text.rstrip(":")]
    typed = [text for text in typed if text not in ("array:good.safetensors",)]
    rng = np.random.default_rng(0)
    query = RankingQuery(
        ModelSpec("strong", "array:s", values=rng.normal(size=(ROWS, 4)).astype(np.float32)),
        (
            ModelSpec("sound", "array:w", values=rng.normal(size=(ROWS, 3)).astype(np.float32)),
            *(ModelSpec(f"c{number}", text) for number, text in enumerate(typed)),
        ),
        Pool(tuple(f"r{n}" for n in range(ROWS)), tuple(f"row {n}" for n in range(ROWS))),
        settings=Settings(),
    )
    stub = ranking_service_pb2_grpc.RankingServiceStub(channel)
    request = pb.CreateRankingJobRequest(request_id=uuid.uuid4().hex, query=convert.query_to_proto(query))
    name = stub.CreateRankingJob(request, timeout=60, metadata=metadata).job.id
    job = None
    for _ in range(10):
        wait = pb.WaitRankingJobRequest(id=name)
        job = stub.WaitRankingJob(wait, timeout=90, metadata=metadata).job
        if job.state not in (pb.JOB_STATE_QUEUED, pb.JOB_STATE_RUNNING):
            break
    assert pb.JobState.Name(job.state) == "JOB_STATE_PARTIAL", job.error
    told = {one.name: one for one in job.ranking.candidates}
    assert told["sound"].rank
    for number, text in enumerate(typed):
        error = told[f"c{number}"].error
        assert error.reason in REFUSED, (text, error)
        assert MARK not in error.message
        if str(root.parent) not in text:
            assert str(root.parent) not in error.message, (text, error.message)
    assert job.attempts == 1
    assert running.events("internal_error") == running.events("worker_lost") == []


def test_no_name_of_a_feature_set_leaves_its_folder(place, names):
    running, channel, metadata = place
    stub = features_pb2_grpc.FeatureServiceStub(channel)
    before = _tree(running)
    values = np.ones((3, 2), np.float32)
    manifest, sent = convert.manifest_to_proto(Manifest.of("sound", values)), chunks(values)
    codes = set()
    for name in names:
        manifest.name = name
        asks = (
            lambda m=manifest: stub.UploadFeatures(
                iter([features.UploadFeaturesRequest(manifest=m), *sent]), timeout=10, metadata=metadata
            ),
            lambda m=manifest: stub.QueryUpload(features.QueryUploadRequest(manifest=m), timeout=10, metadata=metadata),
            lambda n=name: list(
                stub.DownloadFeatures(features.DownloadFeaturesRequest(name=n), timeout=10, metadata=metadata)
            ),
            lambda n=name: stub.DeleteFeatures(features.DeleteFeaturesRequest(name=n), timeout=10, metadata=metadata),
        )
        for ask in asks:
            code, details = _told(ask)
            codes.add(code)
            assert MARK not in details
    assert codes <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}, codes
    new = _tree(running) - before
    store = r"cache(/tenants(/[0-9a-f]{32}(/features(/(names|entries|quarantine)(/[^/]+){0,2})?)?)?)?"
    allowed = re.compile(rf"state/(uploads(/[0-9a-f]{{32}}(/[0-9a-f]{{64}}\.(part|json))?)?|audit\.jsonl)|{store}")
    assert [path for path in new if not allowed.fullmatch(path)] == []
    assert running.events("internal_error") == []


def test_no_name_of_a_calibration_leaves_its_folder(place, names):
    running, channel, metadata = place
    before = _tree(running)
    calibrations = calibration_pb2_grpc.CalibrationServiceStub(channel)
    predictor = predictor_service_pb2_grpc.PredictorServiceStub(channel)
    query = convert.query_to_proto(arrays())
    codes = set()
    for name in (*names, *(f"sound@{name}" for name in names)):
        if name:
            query.settings.calibration = name
        for ask in (
            lambda n=name: calibrations.GetCalibration(
                calibration.GetCalibrationRequest(name=n), timeout=10, metadata=metadata
            ),
            lambda n=name: calibrations.FitCalibration(
                calibration.FitCalibrationRequest(name=n), timeout=10, metadata=metadata
            ),
            lambda: predictor.Predict(ask_pb2.PredictRequest(query=query), timeout=10, metadata=metadata),
        ):
            code, details = _told(ask)
            codes.add(code)
            assert MARK not in details
    assert codes <= {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}, codes
    assert [path for path in _tree(running) - before if "calibration" in path or SECRET in path] == []
    assert running.events("internal_error") == []


@pytest.mark.parametrize("method", ["GetRankingJob", "CancelRankingJob", "DeleteRankingJob", "WatchRankingJob"])
def test_no_id_of_a_job_is_taken_for_a_path(place, names, method):
    running, channel, metadata = place
    stub = ranking_service_pb2_grpc.RankingServiceStub(channel)
    for name in names:
        request = getattr(pb, f"{method}Request")(id=name)
        with pytest.raises(grpc.RpcError) as caught:
            list(getattr(stub, method)(request, timeout=10, metadata=metadata))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        raw = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
        assert convert.error_from_status(status_pb2.Status.FromString(raw)).reason == "JOB_NOT_FOUND"
    assert running.events("internal_error") == []


def test_no_location_of_an_external_tensor_leaves_the_graphs_folder(tmp_path, root, names):
    from predictor.extraction.onnx_graph import open_graph

    for number, name in enumerate(names):
        folder = tmp_path / f"{number}"
        make_graph(folder, location=name)
        with pytest.raises(W2SError) as caught:
            open_graph(folder / "model.onnx")
        assert caught.value.reason == "GRAPH_REFUSED"


def test_a_link_that_is_swapped_while_it_is_read_never_shows_the_secret(root, tmp_path):
    """The race itself, some thousand times: a name that leads inside and outside by turns."""
    inside, outside = np.zeros((ROWS, 3), np.float32), root.parent / SECRET / "a.npy"
    np.save(tmp_path / "mine.npy", inside)
    (tmp_path / "kept").mkdir()
    name, done = tmp_path / "kept" / "a.npy", threading.Event()
    os.link(tmp_path / "mine.npy", name)

    def swap():
        turn = 0
        while not done.is_set():
            fresh = tmp_path / f"fresh{turn % 2}"
            if turn % 2:
                os.link(tmp_path / "mine.npy", fresh)
            else:
                os.symlink(outside, fresh)
            os.replace(fresh, name)
            turn += 1

    swapping = threading.Thread(target=swap)
    swapping.start()
    read = refused = 0
    try:
        for _ in range(2000):
            try:
                with closing(HeldFiles("array:kept/a.npy", [tmp_path])) as files:
                    values = np.load(ModelReference.parse(files.reference).locator)
                    assert values.max() == 0
                    read += 1
            except NotFoundError:
                refused += 1
    finally:
        done.set()
        swapping.join()
    assert read > 50
    assert refused > 50


def _told(ask) -> tuple[str, str]:
    try:
        ask()
    except grpc.RpcError as fault:
        return fault.code().name, fault.details()
    return "OK", ""


def _tree(running) -> set[str]:
    return {str(path.relative_to(running.folder)) for path in running.folder.rglob("*")}
