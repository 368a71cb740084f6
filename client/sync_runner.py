"""SyncRunner: performs the steps of flows with blocking calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from client.channel import errors_of
from client.flows import AwaitResult, Call, ConsumerLeft, Emit, Flow, OpenStream, Pause, Receive, Step, Upload, Work
from client.tracing import trace_headers
from predictor.errors import RefusedError

T = TypeVar("T")


@dataclass(frozen=True)
class Stream:
    """Handle of a streaming call, shared by both runners.

    Attributes:
        call: the call object of grpc or grpc.aio.
        seconds: its deadline, for error messages.
    """

    call: Any
    seconds: float

    def cancel(self) -> None:
        """Cancel the call if it is still open."""
        self.call.cancel()


class SyncRunner:
    """Runs flows on the calling thread.

    Args:
        target: address of the server, for error messages.
        headers: metadata of every call.
    """

    def __init__(self, target: str, headers: Sequence[tuple[str, str]]) -> None:
        self._target = target
        self._headers = tuple(headers)
        self._closed = False

    def close(self) -> None:
        """Refuse further steps with a RefusedError; grpc would raise a ValueError."""
        self._closed = True

    def iterate(self, flow: Flow[T]) -> Generator[Any, None, T]:
        """Run a flow and yield its emitted values. If the consumer stops early, the flow may still perform steps."""
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                step = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration as end:
                value: T = end.value
                return value
            except ConsumerLeft:
                raise GeneratorExit from None
            answer, error = None, None
            try:
                if isinstance(step, Emit):
                    yield step.value
                else:
                    answer = self._perform(step)
            except GeneratorExit:
                error = ConsumerLeft()
            except BaseException as caught:  # of every kind: the flow decides
                error = caught

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its value; emitted values are dropped."""
        steps = self.iterate(flow)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                value: T = end.value
                return value

    def _perform(self, step: Step) -> Any:
        if self._closed:
            raise closed(self._target)
        if isinstance(step, Call):
            return self._call(step.seconds, lambda: step.method(step.request, **self._with(step.seconds)))
        if isinstance(step, OpenStream):
            return Stream(step.method(step.request, **self._with(step.seconds)), step.seconds)
        if isinstance(step, Receive):
            return self._call(step.stream.seconds, lambda: next(step.stream.call, None))
        if isinstance(step, Upload):
            return Stream(step.method.future(step.messages, **self._with(step.seconds)), step.seconds)
        if isinstance(step, AwaitResult):
            return self._call(step.upload.seconds, lambda: _result(step.upload.call, step.seconds))
        if isinstance(step, Work):
            return step.act()
        if isinstance(step, Pause):
            time.sleep(step.seconds)
        return None

    def _with(self, seconds: float) -> dict[str, Any]:
        return {"timeout": seconds, "metadata": (*self._headers, *trace_headers())}

    def _call(self, seconds: float, call: Callable[[], T]) -> T:
        with errors_of(self._target, seconds):
            return call()


def closed(target: str) -> RefusedError:
    """The error of every call on a closed client."""
    return RefusedError(f"the client of {target} is closed; make another.", reason="CLIENT_CLOSED")


def _result(call: Any, seconds: float) -> Any:
    try:
        return call.result(timeout=seconds)
    except grpc.FutureTimeoutError:
        return None
