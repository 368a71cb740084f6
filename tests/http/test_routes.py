"""The rule that gives every method a path."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from server.app import DECLARED
from server.http.routes import routes

FOUND = {route.method.name: route for route in routes(DECLARED)}


def test_every_method_has_a_route_of_its_own():
    declared = [method.name for service in DECLARED for method in service.methods]
    assert sorted(FOUND) == sorted(declared)
    assert len({(route.verb, route.path) for route in FOUND.values()}) == len(declared)


def test_longer_paths_come_first():
    """`/v1/jobs/{key}` would take `wait` for a job otherwise."""
    depths = [route.path.count("/") for route in routes(DECLARED)]
    assert depths == sorted(depths, reverse=True)


@pytest.mark.parametrize(
    ("name", "verb", "path", "key", "kind"),
    [
        ("CreateRankingJob", "POST", "/v1/jobs", None, "unary"),
        ("GetRankingJob", "GET", "/v1/jobs/{key}", "id", "unary"),
        ("WatchRankingJob", "GET", "/v1/jobs/{key}/watch", "id", "watch"),
        ("CancelRankingJob", "POST", "/v1/jobs/{key}/cancel", "id", "unary"),
        ("DeleteFeatures", "DELETE", "/v1/features/{key}", "name", "unary"),
        ("UploadFeatures", "PUT", "/v1/features/{key}", "manifest.name", "upload"),
        ("DownloadFeatures", "GET", "/v1/features/{key}", "name", "download"),
        ("UploadPart", "PUT", "/v1/parts/{key}", "manifest.sha256", "upload"),
        ("QueryUpload", "POST", "/v1/uploads/query", None, "unary"),
        ("RecordOutcomes", "POST", "/v1/outcomes", None, "unary"),
        ("FitCalibration", "POST", "/v1/calibrations/{key}/fit", "name", "unary"),
        ("Predict", "POST", "/v1/predict", None, "unary"),
        ("GetServerInfo", "GET", "/v1/server-info", None, "unary"),
    ],
)
def test_route(name, verb, path, key, kind):
    route = FOUND[name]
    assert (route.verb, route.path, route.key, route.kind) == (verb, path, key, kind)


def test_a_method_of_an_unknown_verb_is_refused():
    file = FileDescriptorProto(name="new.proto", package="new", syntax="proto3")
    file.message_type.add(name="Empty")
    file.service.add(name="New").method.add(name="FoldJob", input_type=".new.Empty", output_type=".new.Empty")
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    with pytest.raises(ValueError, match=r"FoldJob begins with Fold, .* server/http/routes.py"):
        routes([pool.FindServiceByName("new.New")])
