"""Connections: those that say nothing, or that one peer holds in hundreds, do not lock the others out."""

import contextlib
import socket

import grpc
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2

from predictor.errors import DeadlineError, UnavailableError
from tests.service.running import limited, until


def connect(address, count):
    host, port = address.rsplit(":", 1)
    return [socket.create_connection((host, int(port)), timeout=120) for _ in range(count)]


def closed(one):
    one.settimeout(0.01)
    try:
        while one.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_connections_that_never_greet_are_closed(start):
    running = start(*limited(max_handshake_seconds=0.5))
    silent = connect(running.address, 20)
    until(lambda: all(closed(one) for one in silent))
    with running.client() as client:
        assert list(client.jobs()) == []


def test_more_connections_than_descriptors_lock_nobody_out(start):
    """300 of one peer, greeted as gRPC does and then idle, at 256 descriptors; the earliest of them stay."""
    running = start(*limited(max_handshake_seconds=60), before=("prlimit", "--nofile=256:256"))
    idle = connect(running.address, 300)
    for one in idle:
        one.setblocking(False)
        try:
            one.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        except OSError:
            continue
    until(lambda: running.events("connections_shut"))
    assert running.events("connections_shut")[0]["limit"] == 64
    assert until(lambda: answers(running)) == "yes"
    assert not closed(idle[0])


def answers(running):
    """A new caller is served once the surplus is gone."""
    with running.client(timeout=2) as client, contextlib.suppress(UnavailableError, DeadlineError):
        list(client.jobs())
        return "yes"


def test_reflection_answers_as_v1_and_as_v1alpha(server):
    """Both list both, and describe v1 under its own name."""
    for version in ("v1", "v1alpha"):
        with grpc.insecure_channel(server.address) as channel:
            ask = channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                reflection_pb2.ServerReflectionRequest.SerializeToString,
                reflection_pb2.ServerReflectionResponse.FromString,
            )
            wanted = reflection_pb2.ServerReflectionRequest
            symbol = f"grpc.reflection.{version}.ServerReflection"
            listed, described = ask(
                iter([wanted(list_services=""), wanted(file_containing_symbol=symbol)]), timeout=120
            )
        names = {one.name for one in listed.list_services_response.service}
        assert {"w2s.v1.RankingService", symbol} <= names
        file = descriptor_pb2.FileDescriptorProto.FromString(
            described.file_descriptor_response.file_descriptor_proto[0]
        )
        assert file.package == f"grpc.reflection.{version}"
