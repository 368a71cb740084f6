"""Line: carries out talks by blocking calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from client.channel import errors_of
from client.flows import Ask, Hear, Left, Open, Pause, Send, Settle, Step, Talk, Tell, Work
from client.tracing import trace_headers
from predictor.errors import RefusedError

T = TypeVar("T")


@dataclass(frozen=True)
class Stream:
    """A call whose answers come one by one, or that is still being sent; both sorts of client use it.

    Attributes:
        call: what grpc gave.
        seconds: its deadline, for messages.
    """

    call: Any
    seconds: float

    def cancel(self) -> None:
        """End it, unless it has ended."""
        self.call.cancel()


class Line:
    """A connection that blocks.

    Args:
        target: what error messages call the server.
        headers: sent with every call.
    """

    def __init__(self, target: str, headers: Sequence[tuple[str, str]]) -> None:
        self._target = target
        self._headers = tuple(headers)
        self._closed = False

    def close(self) -> None:
        """Refuse every further step: grpc itself raises what no caller expects."""
        self._closed = True

    def follow(self, talk: Talk[T]) -> Generator[Any, None, T]:
        """Carry out a talk, yielding what it tells; leaving early is told to the talk, which may still take steps."""
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                step = talk.send(answer) if error is None else talk.throw(error)
            except StopIteration as end:
                value: T = end.value
                return value
            except Left:
                raise GeneratorExit from None
            answer, error = None, None
            try:
                if isinstance(step, Tell):
                    yield step.value
                else:
                    answer = self._take(step)
            except GeneratorExit:
                error = Left()
            except BaseException as caught:  # all of them: the talk decides
                error = caught

    def ask(self, talk: Talk[T]) -> T:
        """Carry out a talk to its end; what it tells goes nowhere."""
        steps = self.follow(talk)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                value: T = end.value
                return value

    def _take(self, step: Step) -> Any:
        if self._closed:
            raise closed(self._target)
        if isinstance(step, Ask):
            return self._asked(step.seconds, lambda: step.method(step.request, **self._with(step.seconds)))
        if isinstance(step, Open):
            return Stream(step.method(step.request, **self._with(step.seconds)), step.seconds)
        if isinstance(step, Hear):
            return self._asked(step.stream.seconds, lambda: next(step.stream.call, None))
        if isinstance(step, Send):
            return Stream(step.method.future(step.messages, **self._with(step.seconds)), step.seconds)
        if isinstance(step, Settle):
            return self._asked(step.sending.seconds, lambda: _settled(step.sending.call, step.seconds))
        if isinstance(step, Work):
            return step.act()
        if isinstance(step, Pause):
            time.sleep(step.seconds)
        return None

    def _with(self, seconds: float) -> dict[str, Any]:
        return {"timeout": seconds, "metadata": (*self._headers, *trace_headers())}

    def _asked(self, seconds: float, call: Callable[[], T]) -> T:
        with errors_of(self._target, seconds):
            return call()


def closed(target: str) -> RefusedError:
    """What is said to those who go on asking."""
    return RefusedError(f"the client of {target} is closed; make another.", reason="CLIENT_CLOSED")


def _settled(call: Any, seconds: float) -> Any:
    try:
        return call.result(timeout=seconds)
    except grpc.FutureTimeoutError:
        return None
