"""API: the services over HTTP, by their routes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from google.protobuf import message_factory
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as Endpoint

from predictor.errors import InputError, LimitError, W2SError
from server.config import Limits
from server.http.arrays import npy_header, upload
from server.http.body import Body
from server.http.calls import CallError, Calls
from server.http.json_messages import read_json, read_parameters, write_json
from server.http.peers import peer_of
from server.http.routes import Route
from server.http.statuses import JSON, error_response, status_json, status_response

_JSON_FACTOR = 2
"""JSON of a message has at most about so many times its bytes: base64 takes 4/3."""

_SMALL_BYTES = 64 << 10
"""Messages up to this are read and written in the event loop; others in a thread."""


class API:
    """Answers requests through `calls`, within `limits`."""

    def __init__(self, calls: Calls, limits: Limits) -> None:
        self._calls = calls
        self._limits = limits

    def endpoint(self, route: Route) -> Endpoint:
        """The endpoint of one method."""
        answers: dict[str, Callable[[Route, Request], Awaitable[Response]]] = {
            "unary": self._unary,
            "watch": self._watch,
            "upload": self._upload,
            "download": self._download,
        }
        answer = answers[route.kind]

        async def respond(request: Request) -> Response:
            try:
                return await answer(route, request)
            except CallError as error:
                return status_response(error.status)
            except W2SError as error:
                return error_response(error)
            except ClientDisconnect:
                return Response()  # nobody reads it

        return Endpoint(route.path, respond, methods=[route.verb], name=route.method.name)

    async def _unary(self, route: Route, request: Request) -> Response:
        body = self._body(request)

        async def read() -> Message:
            return await self._message(route, request, body)

        call = self._calls.single(route.full_name, read, peer_of(request))
        answer = await while_connected(call, request, body)
        return Response(await _written(answer), media_type=JSON)

    async def _watch(self, route: Route, request: Request) -> Response:
        """Server-sent events: each message is one, under its revision where it has one."""
        body = self._body(request)

        async def read() -> Message:
            message = await self._message(route, request, body)
            resumed = request.headers.get("last-event-id", "")
            if resumed.isdecimal() and not message.after_revision:  # type: ignore[attr-defined]  # by its kind
                message.after_revision = min(int(resumed), (1 << 63) - 1)  # type: ignore[attr-defined]  # as above
            return message

        answers = self._calls.several(route.full_name, read, peer_of(request))
        first = await anext(answers, None)  # here, so that an error of the call is a status of HTTP
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_events(first, answers), 200, headers, media_type="text/event-stream")

    async def _download(self, route: Route, request: Request) -> Response:
        body = self._body(request)

        async def read() -> Message:
            return await self._message(route, request, body)

        answers = self._calls.several(route.full_name, read, peer_of(request))
        described = (await anext(answers)).description
        offset = int(request.query_params.get("offset", "0"))
        header = b"" if offset else npy_header(described.features)
        headers = {
            "content-length": str(len(header) + described.array_bytes - offset),
            "content-disposition": f'attachment; filename="{described.features.name}.npy"',
            "etag": f'"{described.sha256}"',
        }

        async def data() -> AsyncIterator[bytes]:
            async with contextlib.aclosing(answers):
                yield header
                async for answer in answers:
                    yield answer.chunk.data

        return StreamingResponse(data(), 200, headers, media_type="application/octet-stream")

    async def _upload(self, route: Route, request: Request) -> Response:
        max_bytes = max(self._limits.max_feature_bytes, self._limits.max_part_bytes)
        body = Body(request, max_bytes, self._limits.upload_idle_seconds)
        kind = message_factory.GetMessageClass(route.method.input_type)
        inner: Any = route.method.input_type.fields_by_name["manifest"].message_type
        declared = message_factory.GetMessageClass(inner)
        key = str(route.key).rpartition(".")[2]
        pairs = [(name, text) for name, text in request.query_params.multi_items() if name != "offset"]
        manifest = partial(read_parameters, [*pairs, (key, request.path_params["key"])], declared)
        offset = request.query_params.get("offset", "0")
        if not offset.isdecimal() or len(offset) > 18:
            raise InputError(
                f"offset is {offset[:50]!r}; it must be a number of bytes.", reason="BAD_OFFSET", field="offset"
            )
        messages = upload(kind, manifest, int(offset), body)
        call = self._calls.single(route.full_name, messages, peer_of(request))
        return Response(write_json(await while_connected(call, request, body)), media_type=JSON)

    def _body(self, request: Request) -> Body:
        return Body(request, _JSON_FACTOR * self._limits.max_message_bytes, self._limits.upload_idle_seconds)

    async def _message(self, route: Route, request: Request, body: Body) -> Message:
        """The request of a call, from body, parameters and path.

        Raises:
            InputError: see `read_json` and `read_parameters`; or the path names another item than the body.
            LimitError: a larger message than gRPC would take.
        """
        kind = message_factory.GetMessageClass(route.method.input_type)
        if route.has_body:
            raw = await body.whole()
            if raw.strip() and request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
                raise InputError(
                    "the body must be JSON, and be declared so: send `content-type: application/json` (curl --json "
                    "does).",
                    reason="NOT_JSON",
                )
            message = (
                read_json(raw, kind) if len(raw) <= _SMALL_BYTES else await asyncio.to_thread(read_json, raw, kind)
            )
        else:
            body.ended.set()
            message = read_parameters(request.query_params.multi_items(), kind)
        if message.ByteSize() > self._limits.max_message_bytes:
            raise LimitError(
                f"the request has {message.ByteSize():,} bytes; this server takes at most "
                f"{self._limits.max_message_bytes:,}. Send rows and arrays beforehand, with PUT /v1/parts.",
                reason="OVER_LIMIT",
            )
        if route.key is not None:
            _name(message, route.key, request.path_params["key"])
        return message


async def while_connected(call: Awaitable[Any], request: Request, body: Body) -> Any:
    """What the call gives; it is cancelled once the caller is gone.

    Raises:
        ClientDisconnect: the caller is gone.
    """

    async def gone() -> None:
        await body.ended.wait()
        while (await request.receive())["type"] != "http.disconnect":
            pass

    serving, leaving = asyncio.ensure_future(call), asyncio.create_task(gone())
    try:
        await asyncio.wait((serving, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not serving.done() or serving.cancelled():
            raise ClientDisconnect
        return await serving
    finally:
        serving.cancel()
        leaving.cancel()
        await asyncio.wait((serving, leaving))


async def _written(message: Message) -> bytes:
    return write_json(message) if message.ByteSize() <= _SMALL_BYTES else await asyncio.to_thread(write_json, message)


async def _events(first: Any, rest: AsyncGenerator[Any, None]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest):
        try:
            if first is not None:
                yield await _event(first)
                async for answer in rest:
                    yield await _event(answer)
        except CallError as error:
            yield b"event: error\ndata: " + status_json(error.status) + b"\n"


async def _event(answer: Any) -> bytes:
    name = f"id: {answer.job.revision}\n".encode() if answer.HasField("job") else b""
    return name + b"data: " + await _written(answer) + b"\n"


def _name(message: Message, path: str, value: str) -> None:
    """Set the field that the path of the request gives."""
    *above, last = path.split(".")
    inside: Any = message
    for part in above:
        inside = getattr(inside, part)
    if getattr(inside, last) not in ("", value):
        raise InputError(
            f"{path} is {getattr(inside, last)[:100]!r} in the request and {value[:100]!r} in its path; leave it out "
            "of the request.",
            reason="BAD_VALUE",
            field=path,
        )
    setattr(inside, last, value)
