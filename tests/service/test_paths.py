"""The path corpus over the wire: no name of a model, a feature set, a calibration or a job leads outside."""

import re
import uuid

import grpc
import numpy as np
import pytest

from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
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
from tests.service.paths import KINDS, MARK, ROWS, SECRET
from tests.service.running import RunningServer, arrays
from tests.service.sending import chunks, error_of

REFUSED = {
    "MODEL_NOT_FOUND", "BAD_REFERENCE", "UNPINNED_REVISION", "FEATURES_NOT_FOUND", "BAD_FEATURE_NAME", "NO_WEIGHTS",
    "MODEL_FORMAT", "ARRAYS_ONLY", "EMPTY_NAME", "CONFIG_UNREADABLE", "NO_TOKENIZER", "ARRAY_UNREADABLE",
}  # fmt: skip

FITS = 2
"""Well-formed names for which a calibration is fitted."""


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
    given = [kind + name for kind in (*KINDS, "features:") for name in names]
    given += [f"array:good.safetensors#tokenizer={name}" for name in names]
    given = [text for text in dict.fromkeys(given) if text.strip() and text.rstrip(":")]
    given = [text for text in given if text not in ("array:good.safetensors",)]
    rng = np.random.default_rng(0)
    query = RankingQuery(
        ModelSpec("strong", "array:s", values=rng.normal(size=(ROWS, 4)).astype(np.float32)),
        (
            ModelSpec("sound", "array:w", values=rng.normal(size=(ROWS, 3)).astype(np.float32)),
            *(ModelSpec(f"c{number}", text) for number, text in enumerate(given)),
        ),
        Pool(tuple(f"r{n}" for n in range(ROWS)), tuple(f"row {n}" for n in range(ROWS))),
        settings=Settings(),
    )
    stub = ranking_service_pb2_grpc.RankingServiceStub(channel)
    request = pb.CreateRankingJobRequest(request_id=uuid.uuid4().hex, query=convert.query_to_proto(query))
    name = stub.CreateRankingJob(request, timeout=120, metadata=metadata).job.id
    job = None
    for _ in range(10):
        wait = pb.WaitRankingJobRequest(id=name)
        job = stub.WaitRankingJob(wait, timeout=120, metadata=metadata).job
        if job.state not in (pb.JOB_STATE_QUEUED, pb.JOB_STATE_RUNNING):
            break
    assert pb.JobState.Name(job.state) == "JOB_STATE_PARTIAL", job.error
    found = {one.name: one for one in job.ranking.candidates}
    assert found["sound"].rank
    for number, text in enumerate(given):
        error = found[f"c{number}"].error
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
                iter([features.UploadFeaturesRequest(manifest=m), *sent]), timeout=120, metadata=metadata
            ),
            lambda m=manifest: stub.QueryUpload(
                features.QueryUploadRequest(manifest=m), timeout=120, metadata=metadata
            ),
            lambda n=name: list(
                stub.DownloadFeatures(features.DownloadFeaturesRequest(name=n), timeout=120, metadata=metadata)
            ),
            lambda n=name: stub.DeleteFeatures(features.DeleteFeaturesRequest(name=n), timeout=120, metadata=metadata),
        )
        for ask in asks:
            code, details = _status_of(ask)
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
    fits = 0
    for name in (*names, *(f"sound@{name}" for name in names)):
        if name:
            query.settings.calibration = name

        def get(name: str = name) -> None:
            calibrations.GetCalibration(calibration.GetCalibrationRequest(name=name), timeout=120, metadata=metadata)

        def fit(name: str = name) -> None:
            calibrations.FitCalibration(calibration.FitCalibrationRequest(name=name), timeout=120, metadata=metadata)

        def predict() -> None:
            predictor.Predict(ask_pb2.PredictRequest(query=query), timeout=120, metadata=metadata)

        found = [_status_of(get), _status_of(predict)]
        # A name that is refused reaches no worker. One that is not has no separator; each fit of one starts a worker.
        if found[0][0] == "INVALID_ARGUMENT" or fits < FITS:
            found.append(_status_of(fit))
            fits += found[0][0] != "INVALID_ARGUMENT"
        codes |= {code for code, _ in found}
        assert not any(MARK in details for _, details in found)
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
            list(getattr(stub, method)(request, timeout=120, metadata=metadata))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert error_of(caught.value).reason == "JOB_NOT_FOUND"
    assert running.events("internal_error") == []


def _status_of(ask) -> tuple[str, str]:
    try:
        ask()
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", ""


def _tree(running) -> set[str]:
    return {str(path.relative_to(running.folder)) for path in running.folder.rglob("*")}
