"""Flows: the client's protocol logic as generators that do no I/O.

A flow yields steps. A runner performs each step, then sends the result or throws the error back into the flow. The
blocking client (`client.sync_runner`) and the asyncio client (`client.async_runner`) share the same flows.

When the consumer of a flow stops early, the runner throws `ConsumerLeft`, `KeyboardInterrupt` or `CancelledError` into
the flow. The flow may yield further steps, for example to cancel a job, before it lets the exception pass.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A unary call. Result: the response message.

    Attributes:
        method: a method of a generated stub.
        request: its request message.
        seconds: deadline.
    """

    method: Any
    request: Any
    seconds: float


@dataclass(frozen=True)
class OpenStream:
    """Start of a server-streaming call. Result: a handle with `cancel()`."""

    method: Any
    request: Any
    seconds: float


@dataclass(frozen=True)
class Receive:
    """The next message of a stream. Result: the message, or None at the end."""

    stream: Any


@dataclass(frozen=True)
class Upload:
    """Start of a client-streaming call. Result: a handle with `cancel()`. gRPC draws the messages in its own thread."""

    method: Any
    messages: Iterator[Any]
    seconds: float


@dataclass(frozen=True)
class AwaitResult:
    """The response to an upload. Result: the message, or None if it takes longer than `seconds`."""

    upload: Any
    seconds: float


@dataclass(frozen=True)
class Pause:
    """A delay in seconds."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """A function that computes or touches files. Result: its value. The async runner calls it in a thread."""

    act: Callable[[], Any]


@dataclass(frozen=True)
class Emit:
    """A value for the consumer of the flow."""

    value: Any


class ConsumerLeft(BaseException):
    """The consumer stopped early. `GeneratorExit` would close inner flows before they could yield a step."""


Step: TypeAlias = Call | OpenStream | Receive | Upload | AwaitResult | Pause | Work | Emit
Flow: TypeAlias = Generator[Step, Any, T]


def map_emitted(flow: Flow[T], transform: Callable[[Any], Any]) -> Flow[T]:
    """The flow with each emitted value transformed; a value that becomes None is dropped."""
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            step = flow.send(answer) if error is None else flow.throw(error)
        except StopIteration as end:
            value: T = end.value
            return value
        answer, error = None, None
        if isinstance(step, Emit):
            step = Emit(transform(step.value))
            if step.value is None:
                continue
        try:
            answer = yield step
        except BaseException as caught:  # of every kind: the inner flow decides
            error = caught
