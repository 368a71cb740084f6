"""Handlers: wrap a gRPC method of any of the four kinds in another behaviour."""

from __future__ import annotations

from typing import Any

import grpc

Handler = Any
"""grpc.RpcMethodHandler, for which grpc ships no types."""

_MAKERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def wrapped(handler: Handler, unary: Any, stream: Any, *, raw: bool = False) -> Handler:
    """The handler with another behaviour: `unary` where it gives one answer, `stream` where it gives several."""
    return _MAKERS[handler.request_streaming, handler.response_streaming](
        stream if handler.response_streaming else unary,
        request_deserializer=None if raw else handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


def unread(handler: Handler, unary: Any, stream: Any) -> Handler:
    """As `wrapped`, with the messages left unread: the behaviour is called before the first one arrives."""
    return _MAKERS[True, handler.response_streaming](
        stream if handler.response_streaming else unary, response_serializer=handler.response_serializer
    )


def single(handler: Handler) -> Any:
    """The behaviour of a method with one answer."""
    return handler.stream_unary if handler.request_streaming else handler.unary_unary


def several(handler: Handler) -> Any:
    """The behaviour of a method with a stream of answers."""
    return handler.stream_stream if handler.request_streaming else handler.unary_stream
