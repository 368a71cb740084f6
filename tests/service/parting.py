"""Parting: parts message by message, so that a test can send what no client would."""

import grpc
import numpy as np

from client.channel import open_channel
from client.credentials import Credentials
from protos import convert
from protos.features import MIN_CHUNK
from protos.parts import PartManifest, part_manifest_to_proto
from protos.w2s.v1 import parts_pb2 as pb
from protos.w2s.v1 import parts_pb2_grpc
from tests.service.sending import error_of

DATA = np.random.default_rng(0).bytes(MIN_CHUNK * 2 + 5000)
MANIFEST = PartManifest.of(DATA)


class Sender:
    """Sends parts message by message."""

    def __init__(self, address, token=None):
        self._channel = open_channel(address, 8 << 20, Credentials())
        self._stub = parts_pb2_grpc.PartServiceStub(self._channel)
        self._headers = Credentials(token).headers()

    def send(self, messages):
        try:
            self._stub.UploadPart(iter(messages), timeout=120, metadata=self._headers)
        except grpc.RpcError as error:
            raise error_of(error) from None

    def received(self, manifest):
        request = pb.QueryPartRequest(manifest=part_manifest_to_proto(manifest))
        try:
            found = self._stub.QueryPart(request, timeout=120, metadata=self._headers)
        except grpc.RpcError as error:
            raise error_of(error) from None
        return found.received_bytes, found.complete


def head(manifest=MANIFEST):
    return pb.UploadPartRequest(manifest=part_manifest_to_proto(manifest))


def chunks(data=DATA, start=0, size=MIN_CHUNK):
    return [
        pb.UploadPartRequest(chunk=convert.chunk_to_proto(place, data[place : place + size]))
        for place in range(start, len(data), size)
    ]


def fresh(seed):
    data = np.random.default_rng(seed).bytes(MIN_CHUNK * 2 + 77)
    return PartManifest.of(data), data
