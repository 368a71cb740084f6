"""Malformed: bytes that no client would send, of every method, and what the server may say to them."""

import importlib
import pkgutil

import grpc
import numpy as np
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.rpc import status_pb2

import protos.w2s.v1
from predictor.store.manifest import Manifest
from protos import convert
from protos.parts import PartManifest, part_manifest_to_proto
from tests.protos.samples import full_query

DECLARED = {
    "OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "ALREADY_EXISTS",
    "DEADLINE_EXCEEDED",
}  # fmt: skip

LEAKS = ("Traceback", "rror:", "Exception", "protobuf", "numpy.", ".py", "site-packages", "array is", "at 0x")
"""What only the text of an exception holds; a bare 0x may be the caller's own name, told back."""


def every_method():
    """Path and descriptor of each method of ours."""
    for one in pkgutil.iter_modules(protos.w2s.v1.__path__):
        if one.name.endswith("_pb2"):
            module = importlib.import_module(f"protos.w2s.v1.{one.name}")
            for service in module.DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    yield f"/{service.full_name}/{method.name}", method


METHODS = dict(every_method())


def ask(channel, name, *sent):
    """Code and everything said by the server to these bytes."""
    method = METHODS[name]
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    call = getattr(channel, kind)(name)
    try:
        answer = call(iter(sent) if method.client_streaming else sent[0], timeout=120)
        if method.server_streaming:
            for number, _ in enumerate(answer):
                if number == 3:
                    answer.cancel()
                    return "OK", ""
    except grpc.RpcError as error:
        raw = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        assert len(raw) <= 4096
        status_pb2.Status.FromString(raw)
        return error.code().name, f"{error.details()}"
    return "OK", ""


def mutants(rng, whole):
    """The bytes with a few of them changed, cut out, doubled or cut off."""
    raw = bytearray(whole)
    for _ in range(rng.randrange(1, 3)):
        place = rng.randrange(len(raw)) if raw else 0
        act = rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 3))
        if act == 0 and raw:
            raw[place] = rng.randrange(256)
        elif act == 1:
            del raw[place : place + rng.randrange(1, 9)]
        elif act == 2:
            raw[place:place] = raw[place : place + rng.randrange(1, 9)]
        else:
            raw[place:place] = rng.randbytes(rng.randrange(1, 5))
    return bytes(raw)


def sound_bytes(descriptor):
    """A message of the type with everything set that has a sound sample, and names elsewhere."""
    samples = {
        "query": convert.query_to_proto(full_query()),
        "manifest": convert.manifest_to_proto(Manifest.of("set", np.ones((3, 2), np.float32))),
    }
    if "PartManifest" in {field.message_type.name for field in descriptor.fields if field.message_type}:
        samples["manifest"] = part_manifest_to_proto(PartManifest("ab" * 32, 9))
    message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if field.name in samples:
            getattr(message, field.name).CopyFrom(samples[field.name])
        elif field.type == FieldDescriptor.TYPE_STRING and field.containing_oneof is None:
            setattr(message, field.name, "0123456789abcdef")
    return message.SerializeToString()
