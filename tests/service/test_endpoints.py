"""Where a server may listen and keep its state, and what it refuses before anything is stored."""

from dataclasses import fields

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from predictor.errors import InputError, LimitError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.store.manifest import Manifest
from protos import convert
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.config import Limits
from tests.service.running import RunningServer, arrays, limited, start_in_vain
from tests.service.sending import details_of, head, send, signal


def test_a_second_server_on_the_same_state_folder_fails_at_once(server):
    done = start_in_vain(server.folder / "state", "--address", "127.0.0.1:0")
    assert done.returncode == 2
    assert "another server already uses state folder" in done.stderr


def test_a_second_server_on_the_same_port_fails(server, tmp_path):
    done = start_in_vain(tmp_path, "--address", server.address)
    assert done.returncode == 1
    assert f"cannot listen on {server.address}" in done.stderr


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.168.1.1:0", "example.com:50051"])
def test_an_address_that_others_can_reach_is_refused(tmp_path, address):
    done = start_in_vain(tmp_path, "--address", address)
    assert done.returncode == 2
    assert "is open to other machines, which is refused without TLS and authentication" in done.stderr
    assert not (tmp_path / "server.lock").exists()


def test_a_bad_limit_is_refused(tmp_path):
    assert (
        "limit max_rows is 'many'; it must be a whole number"
        in start_in_vain(tmp_path, "--limit", "max_rows=many").stderr
    )
    assert (
        "limit workers is 0; it must be at least 1 processes" in start_in_vain(tmp_path, "--limit", "workers=0").stderr
    )
    assert "there is no limit 'x'" in start_in_vain(tmp_path, "--limit", "x=1").stderr


def test_a_unix_socket_in_a_private_folder_serves(start, tmp_path):
    folder = tmp_path / "door"
    with start(address=f"unix:{folder}/w2s.sock").client() as client:
        assert client.wait(client.submit(arrays())).state == "SUCCEEDED"
    assert folder.stat().st_mode & 0o077 == 0


def test_a_unix_socket_in_an_open_folder_is_refused(tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    done = start_in_vain(tmp_path / "state", "--address", f"unix:{folder}/w2s.sock")
    assert done.returncode == 2
    assert "can be entered by other users; make it private with chmod 700" in done.stderr


def test_the_state_is_private_to_its_user(server, client):
    values = signal(20, 3)
    with pytest.raises(InputError, match="ask where to go on"):
        send(client, [head(Manifest.of("begun", values))])
    state = server.folder / "state"
    assert (state / "uploads").is_dir()
    assert [path for path in (state, *state.iterdir()) if path.stat().st_mode & 0o077] == []


def test_reflection_lists_the_services(server):
    with grpc.insecure_channel(server.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = next(stub.ServerReflectionInfo(iter([request]), timeout=120))
    names = {service.name for service in answer.list_services_response.service}
    assert {"w2s.v1.PredictorService", "w2s.v1.RankingService", "grpc.health.v1.Health"} <= names


def test_every_limit_is_reported(client):
    info = client.server_info()
    assert set(info.limits) == {one.name for one in fields(Limits)}
    assert info.limits["max_message_bytes"] == 4 << 20
    assert info.units["max_rows"] == "rows"
    assert "combined" in info.estimators
    assert "grpcio" in info.versions


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (RankingQuery(ModelSpec("s", "/s"), (ModelSpec("w", "/w"),), Pool.numbered(51)), "51 rows in the pool"),
        (RankingQuery(ModelSpec("s", "/s"), (ModelSpec("w", "/w"),), Pool.of(["a", "b" * 101])), "101 bytes in row 1"),
        (
            RankingQuery(ModelSpec("s", "/s"), tuple(ModelSpec(n, "/w") for n in "abcd"), Pool.numbered(9)),
            "4 candidates",
        ),
        (arrays(rows=20), "6 dimensions in 'strong'"),
    ],
)
@pytest.mark.parametrize("limits", ["max_rows=50 max_text_bytes=100 max_candidates=3 max_dimensions=5"])
def test_what_is_too_large_is_refused_before_it_is_stored(small_server, query, text, limits):
    with small_server.client() as client:
        with pytest.raises(LimitError, match=f"{text}.*this server takes at most") as caught:
            client.submit(query)
        assert caught.value.reason == "OVER_LIMIT"
        assert list(client.jobs()) == []


@pytest.fixture(scope="module")
def small_server(tmp_path_factory):
    flags = limited(max_rows=50, max_text_bytes=100, max_candidates=3, max_dimensions=5)
    with RunningServer(tmp_path_factory.mktemp("small"), *flags) as running:
        yield running


def test_an_unknown_estimator_is_refused_before_it_is_stored(client):
    message = convert.query_to_proto(arrays())
    message.settings.estimators[:] = ["astrology"]
    with pytest.raises(grpc.RpcError) as caught:
        client._rankings.CreateRankingJob(pb.CreateRankingJobRequest(request_id="e", query=message), timeout=120)
    violation = error_details_pb2.BadRequest()
    details_of(caught.value)["google.rpc.BadRequest"].Unpack(violation)
    assert violation.field_violations[0].field == "query.settings.estimators"


@pytest.mark.parametrize("method", ["RankingService/CreateRankingJob", "PredictorService/Predict"])
def test_bytes_that_are_no_message_are_the_error_of_the_caller(server, method):
    with grpc.insecure_channel(server.address) as channel:
        call = channel.unary_unary(f"/w2s.v1.{method}", request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff\xff\xff", timeout=120)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "the message cannot be parsed" in caught.value.details()
