"""Calls: the services' methods called in this process, behind the interceptors that calls over gRPC pass."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, NoReturn

import grpc.aio
from google.protobuf.message import Message
from google.rpc import status_pb2

from predictor.errors import LimitError
from server.handlers import Handler, several, single, wrapped

Read = Callable[[], Awaitable[Message]]
"""Reads a request; called after authentication and admission."""

_DETAILS = "grpc-status-details-bin"


class CallError(grpc.aio.AbortError):  # type: ignore[misc]  # grpc ships no types
    """A call that ended with a status other than OK."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


@dataclass(frozen=True)
class Peer:
    """The other end of a connection, and what a call carries beside its message.

    Attributes:
        address: as gRPC names it, such as `ipv4:10.0.0.1:50000`.
        names: subject alternative names of its client certificate.
        metadata: pairs of the call.
    """

    address: str
    names: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()


class _Details(NamedTuple):
    """grpc.HandlerCallDetails."""

    method: str
    invocation_metadata: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Context:
    """What the interceptors ask of a grpc.aio.ServicerContext."""

    origin: Peer

    def peer(self) -> str:
        return self.origin.address

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        return {"x509_subject_alternative_name": [name.encode() for name in self.origin.names]}

    async def abort(self, code: Any, message: str, trailers: Sequence[tuple[str, Any]]) -> NoReturn:
        raise CallError(status_pb2.Status.FromString(dict(trailers)[_DETAILS]))


class DecodingInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Innermost: reads the request, so that a refused call costs no reading."""

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler]], details: Any) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(details)

        async def decoded(request: Any) -> Any:
            return request if handler.request_streaming else await request()

        async def unary(request: Any, context: Any) -> Any:
            return await single(handler)(await decoded(request), context)

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            async for answer in several(handler)(await decoded(request), context):
                yield answer

        return wrapped(handler, unary, stream, raw=True)


class Calls:
    """Methods by full name. The generated `add_…Servicer_to_server` functions take it as a server.

    Args:
        interceptors: outermost first; the last one reads the request.
        max_answer_bytes: largest answer.
    """

    def __init__(self, interceptors: Sequence[grpc.aio.ServerInterceptor], max_answer_bytes: int) -> None:
        self._interceptors = tuple(interceptors)
        self._max_answer_bytes = max_answer_bytes
        self._handlers: dict[str, Handler] = {}

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """See grpc.aio.Server."""
        self._handlers |= {f"/{service}/{name}": handler for name, handler in handlers.items()}

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        """See grpc.aio.Server; the generated code registers the same methods once more here."""

    async def single(self, method: str, request: Read | AsyncIterator[Message], peer: Peer) -> Any:
        """The answer of a method that gives one.

        Raises:
            CallError: the call ended with another status than OK.
        """
        handler = await self._handler(method, peer)
        # A task of its own, since the caller of a call is set in the context of its task.
        answer = await asyncio.create_task(single(handler)(request, _Context(peer)))
        if answer.ByteSize() > self._max_answer_bytes:
            raise LimitError(
                f"the answer has {answer.ByteSize():,} bytes; this server sends at most {self._max_answer_bytes:,}. "
                "Ask for less, or raise the limit max_answer_bytes.",
                reason="OVER_LIMIT",
            )
        return answer

    async def several(self, method: str, request: Read, peer: Peer) -> AsyncGenerator[Any, None]:
        """The answers of a method that streams them, all to be taken in one task.

        Raises:
            CallError: the call ended with another status than OK.
        """
        handler = await self._handler(method, peer)
        async with contextlib.aclosing(several(handler)(request, _Context(peer))) as answers:
            async for answer in answers:
                yield answer

    async def _handler(self, method: str, peer: Peer) -> Handler:
        async def innermost(details: _Details) -> Handler:
            return self._handlers[details.method]

        following: Callable[[Any], Awaitable[Handler]] = innermost
        for interceptor in reversed(self._interceptors):
            following = partial(interceptor.intercept_service, following)
        return await following(_Details(method, peer.metadata))
