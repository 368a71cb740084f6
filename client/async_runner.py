"""AsyncLine: carries out talks in an event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Sequence
from typing import Any, TypeVar

import grpc.aio

from client.channel import errors_of
from client.flows import Ask, Hear, Left, Open, Pause, Send, Settle, Step, Talk, Tell, Work
from client.sync_runner import Stream, closed
from client.tracing import trace_headers

T = TypeVar("T")

_POLL_SECONDS = 0.01


class AsyncLine:
    """A connection of one event loop; see `client.sync_runner.Line`."""

    def __init__(self, target: str, headers: Sequence[tuple[str, str]]) -> None:
        self._target = target
        self._headers = tuple(headers)
        self._closed = False

    def close(self) -> None:
        """Refuse every further step: grpc itself raises what no caller expects."""
        self._closed = True

    async def follow(self, talk: Talk[T], last: list[T] | None = None) -> AsyncGenerator[Any, None]:
        """Carry out a talk, yielding what it tells; its value is put into `last`.

        Cancelling the task, or closing the generator, is told to the talk, which may still take steps.
        """
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                step = talk.send(answer) if error is None else talk.throw(error)
            except StopIteration as end:
                if last is not None:
                    last.append(end.value)
                return
            except Left:
                raise GeneratorExit from None
            answer, error = None, None
            try:
                if isinstance(step, Tell):
                    yield step.value
                else:
                    answer = await self._take(step)
            except GeneratorExit:
                error = Left()
            except BaseException as caught:  # all of them: the talk decides
                error = caught

    async def ask(self, talk: Talk[T]) -> T:
        """Carry out a talk to its end; what it tells goes nowhere."""
        last: list[T] = []
        async with contextlib.aclosing(self.follow(talk, last)) as steps:
            async for _ in steps:
                pass
        return last[0]

    async def _take(self, step: Step) -> Any:
        if self._closed:
            raise closed(self._target)
        if isinstance(step, Ask):
            return await self._asked(step.seconds, step.method(step.request, **self._with(step.seconds)))
        if isinstance(step, Open):
            return Stream(step.method(step.request, **self._with(step.seconds)), step.seconds)
        if isinstance(step, Hear):
            heard = await self._asked(step.stream.seconds, step.stream.call.read())
            return None if heard is grpc.aio.EOF else heard
        if isinstance(step, Send):
            return Stream(step.method(step.messages, **self._with(step.seconds)), step.seconds)
        if isinstance(step, Settle):
            return await self._settled(step.sending, step.seconds)
        if isinstance(step, Work):
            return await asyncio.to_thread(step.act)
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        return None

    async def _settled(self, sending: Stream, seconds: float) -> Any:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not sending.call.done() and loop.time() < end:
            await asyncio.sleep(_POLL_SECONDS)
        return await self._asked(sending.seconds, sending.call) if sending.call.done() else None

    def _with(self, seconds: float) -> dict[str, Any]:
        return {"timeout": seconds, "metadata": (*self._headers, *trace_headers())}

    async def _asked(self, seconds: float, call: Awaitable[T]) -> T:
        with errors_of(self._target, seconds):
            return await call
