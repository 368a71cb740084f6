"""AsyncRunner: performs the steps of flows in an event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Sequence
from typing import Any, TypeVar

import grpc.aio

from client.channel import errors_of
from client.flows import AwaitResult, Call, ConsumerLeft, Emit, Flow, OpenStream, Pause, Receive, Step, Upload, Work
from client.sync_runner import Stream, closed
from client.tracing import trace_headers

T = TypeVar("T")

_POLL_SECONDS = 0.01


class AsyncRunner:
    """Runs flows in one event loop; see `client.sync_runner.SyncRunner`."""

    def __init__(self, target: str, headers: Sequence[tuple[str, str]]) -> None:
        self._target = target
        self._headers = tuple(headers)
        self._closed = False

    def close(self) -> None:
        """Refuse further steps with a RefusedError; grpc would raise a ValueError."""
        self._closed = True

    async def iterate(self, flow: Flow[T], last: list[T] | None = None) -> AsyncGenerator[Any, None]:
        """Run a flow and yield its emitted values; its return value is appended to `last`.

        If the task is cancelled or the generator closed, the flow may still perform steps.
        """
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                step = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration as end:
                if last is not None:
                    last.append(end.value)
                return
            except ConsumerLeft:
                raise GeneratorExit from None
            answer, error = None, None
            try:
                if isinstance(step, Emit):
                    yield step.value
                else:
                    answer = await self._perform(step)
            except GeneratorExit:
                error = ConsumerLeft()
            except BaseException as caught:  # of every kind: the flow decides
                error = caught

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its value; emitted values are dropped."""
        last: list[T] = []
        async with contextlib.aclosing(self.iterate(flow, last)) as steps:
            async for _ in steps:
                pass
        return last[0]

    async def _perform(self, step: Step) -> Any:
        if self._closed:
            raise closed(self._target)
        if isinstance(step, Call):
            return await self._call(step.seconds, step.method(step.request, **self._with(step.seconds)))
        if isinstance(step, OpenStream):
            return Stream(step.method(step.request, **self._with(step.seconds)), step.seconds)
        if isinstance(step, Receive):
            received = await self._call(step.stream.seconds, step.stream.call.read())
            return None if received is grpc.aio.EOF else received
        if isinstance(step, Upload):
            return Stream(step.method(step.messages, **self._with(step.seconds)), step.seconds)
        if isinstance(step, AwaitResult):
            return await self._result(step.upload, step.seconds)
        if isinstance(step, Work):
            return await asyncio.to_thread(step.act)
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        return None

    async def _result(self, upload: Stream, seconds: float) -> Any:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not upload.call.done() and loop.time() < end:
            await asyncio.sleep(_POLL_SECONDS)
        return await self._call(upload.seconds, upload.call) if upload.call.done() else None

    def _with(self, seconds: float) -> dict[str, Any]:
        return {"timeout": seconds, "metadata": (*self._headers, *trace_headers())}

    async def _call(self, seconds: float, call: Awaitable[T]) -> T:
        with errors_of(self._target, seconds):
            return await call
