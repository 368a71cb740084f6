"""The services over HTTP, on a real server."""

import hashlib
import json

import numpy as np
import pytest

from client import PredictorClient
from predictor.store.manifest import Manifest
from protos import convert
from protos.w2s.v1 import predictor_service_pb2
from server.http.json_messages import read_json, write_json
from tests.http.web import job_request
from tests.service.running import arrays


@pytest.fixture
def client(open_web):
    with PredictorClient(open_web.running.address) as connected:
        yield connected


def timeless(ranking):
    """The answer without what differs from run to run."""
    answer = ranking.to_dict()
    for candidate in answer["candidates"]:
        candidate["timings"] = {}
    return answer


def created(open_web, **fields):
    reply = open_web.post("/v1/jobs", job_request(**fields))
    assert reply.status == 200, reply.body
    return reply.json["job"]


def test_predict_gives_what_grpc_gives(open_web, client):
    query = arrays()
    body = json.loads(write_json(predictor_service_pb2.PredictRequest(query=convert.query_to_proto(query))))
    reply = open_web.post("/v1/predict", body)
    assert reply.status == 200
    read = read_json(reply.body, predictor_service_pb2.PredictResponse).ranking
    assert reply.headers["content-type"] == "application/json"
    assert timeless(convert.ranking_from_proto(read)) == timeless(client.predict(query))


def test_job_is_created_waited_for_watched_listed_and_deleted(open_web):
    job = created(open_web, labels={"team": "http"})
    assert job["state"] == "JOB_STATE_QUEUED"
    ended = open_web.get(f"/v1/jobs/{job['id']}/wait?timeout=120s").json["job"]
    assert ended["state"] == "JOB_STATE_SUCCEEDED"
    assert ended["ranking"]["candidates"][0]["rank"] == 1
    assert [one["id"] for one in open_web.get("/v1/jobs?filter=labels.team%20%3D%20http").json["jobs"]] == [job["id"]]
    watched = open_web.get(f"/v1/jobs/{job['id']}/watch")
    assert watched.headers["content-type"].startswith("text/event-stream")
    *_, last, end = watched.body.decode().split("\n\n")
    name, data = last.split("\n")
    assert (name, end) == (f"id: {ended['revision']}", "")
    assert json.loads(data.removeprefix("data: "))["job"]["state"] == "JOB_STATE_SUCCEEDED"
    assert open_web.get(f"/v1/jobs/{job['id']}/watch", last_event_id=ended["revision"]).body == b""
    assert open_web.ask("DELETE", f"/v1/jobs/{job['id']}").status == 200
    assert open_web.get(f"/v1/jobs/{job['id']}").reason == "JOB_NOT_FOUND"


def test_array_is_uploaded_and_comes_back_as_npy(open_web, tmp_path):
    values = np.arange(12, dtype="<f4").reshape(4, 3)
    manifest = Manifest.of("over-http", values)
    path = f"/v1/features/over-http?shape=4&shape=3&dtype=DTYPE_FLOAT32&fingerprint={manifest.fingerprint}"
    path += "&labels%5Bteam%5D=vision"
    stored = open_web.ask("PUT", path, values.tobytes())
    assert stored.json["features"]["name"] == "over-http"
    fetched = open_web.get("/v1/features/over-http")
    (tmp_path / "back.npy").write_bytes(fetched.body)
    np.testing.assert_array_equal(np.load(tmp_path / "back.npy"), values)
    assert fetched.headers["content-disposition"] == 'attachment; filename="over-http.npy"'
    assert open_web.get("/v1/features/over-http?offset=8").body == values.tobytes()[8:]
    listed = open_web.get("/v1/features?filter=labels.team%3Dvision").json["features"]
    assert [(one["name"], one["labels"]) for one in listed] == [("over-http", {"team": "vision"})]
    assert open_web.get("/v1/features?filter=labels.team%3Dtext").json["features"] == []
    assert open_web.ask("DELETE", "/v1/features/over-http").status == 200


def test_part_of_a_request_is_sent_under_its_digest(open_web):
    data = b"\x01" * (3 << 20)
    digest = hashlib.sha256(data).hexdigest()
    assert open_web.ask("PUT", f"/v1/parts/{digest}?size_bytes={len(data)}", data).status == 200
    manifest = {"sha256": digest, "sizeBytes": str(len(data))}
    assert open_web.post("/v1/parts/query", {"manifest": manifest}).json["complete"] is True


def test_outcomes_and_calibrations(open_web):
    outcome = {
        "task": "t", "strong": "s", "weak": "w", "recipe": "ridge", "labelForm": "LABEL_FORM_SOFT",
        "unit": "ERROR_UNIT_LABEL_VARIANCE", "weakError": 0.4, "w2sError": 0.3, "seeds": "1",
    }  # fmt: skip
    assert open_web.post("/v1/outcomes", {"outcomes": [outcome]}).json["recorded"] == "1"
    assert open_web.get("/v1/outcomes?task=t").json["outcomes"][0]["weakError"] == 0.4
    assert open_web.post("/v1/calibrations/mine/fit").reason == "TOO_FEW_TASKS"
    assert open_web.get("/v1/calibrations/mine").status == 404


def test_errors_are_statuses_with_reason_field_and_request_id(open_web):
    reply = open_web.post("/v1/jobs", {"requestId": "x", "query": {"wek": []}}, x_request_id="mine")
    assert (reply.status, reply.json["code"], reply.reason, reply.field) == (400, 3, "UNKNOWN_FIELD", "query.wek")
    assert reply.detail("RequestInfo")["requestId"] == "mine"
    assert open_web.running.events("call")[-1]["request_id"] == "mine"
    wrong = open_web.post("/v1/jobs", {"requestId": "", "query": {}})
    assert (wrong.reason, wrong.field) == ("BAD_REQUEST_ID", "request_id")


def test_an_item_is_named_once(open_web):
    reply = open_web.post("/v1/jobs/one/cancel", {"id": "another"})
    assert (reply.reason, reply.field) == ("BAD_VALUE", "id")


def test_unknown_paths_and_verbs_are_statuses_too(open_web):
    assert (open_web.get("/v1/nothing").status, open_web.get("/v1/nothing").reason) == (404, "NO_SUCH_PATH")
    reply = open_web.ask("DELETE", "/v1/jobs")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, POST")


def test_health_and_readiness(open_web):
    assert open_web.get("/healthz").body == b"serving\n"
    assert open_web.get("/readyz").body == b"ready\n"
