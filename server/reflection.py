"""Reflection, as v1 and as v1alpha: the messages are the same, and tools ask for either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

_OLD, _NEW = "grpc.reflection.v1alpha", "grpc.reflection.v1"
V1 = f"{_NEW}.ServerReflection"


def add_reflection(services: Sequence[str], server: Any) -> None:
    """Serve both versions for the named services and for themselves."""
    descriptor_of_v1()
    names = (*services, reflection.SERVICE_NAME, V1)
    reflection.enable_server_reflection(names, server)
    method = grpc.stream_stream_rpc_method_handler(
        ReflectionServicer(names).ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handlers = {"ServerReflectionInfo": method}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(V1, handlers),))


def descriptor_of_v1() -> Any:
    """The file of v1, added to the descriptors: grpcio-reflection has v1alpha only."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = f"{_NEW.replace('.', '/')}/reflection.proto", _NEW
    for message in file.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(_OLD, _NEW)
    for service in file.service:
        for method in service.method:
            method.input_type = method.input_type.replace(_OLD, _NEW)
            method.output_type = method.output_type.replace(_OLD, _NEW)
    return descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
