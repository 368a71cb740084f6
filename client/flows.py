"""Talks: what a client says to a server and hears from it, as generators that do no input or output themselves.

A talk yields steps; whoever carries it out sends back what came of each, or throws what went wrong into it. So one
text serves a client that blocks (`client.sync_runner`) and one in asyncio (`client.aio`).

A talk whose follower leaves is thrown `Left`, an interrupt or a cancellation, and may still take steps before it lets
that pass.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Ask:
    """One call with one answer, which is what comes back.

    Attributes:
        method: of a generated stub.
        request: its message.
        seconds: deadline.
    """

    method: Any
    request: Any
    seconds: float


@dataclass(frozen=True)
class Open:
    """One call with a stream of answers; a handle comes back, with `cancel()`."""

    method: Any
    request: Any
    seconds: float


@dataclass(frozen=True)
class Hear:
    """The next answer of a stream; None comes back at its end."""

    stream: Any


@dataclass(frozen=True)
class Send:
    """One call with a stream of messages; a handle comes back, with `cancel()`. The messages are made elsewhere."""

    method: Any
    messages: Iterator[Any]
    seconds: float


@dataclass(frozen=True)
class Settle:
    """The answer to a stream of messages, or None where it takes longer than `seconds`."""

    sending: Any
    seconds: float


@dataclass(frozen=True)
class Pause:
    """Time to let pass, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Something that computes or touches files; its value comes back. An event loop has a thread do it."""

    act: Callable[[], Any]


@dataclass(frozen=True)
class Tell:
    """Something for whoever follows the talk."""

    value: Any


class Left(BaseException):
    """Whoever followed the talk went away. `GeneratorExit` would close inner talks before they could take a step."""


Step: TypeAlias = Ask | Open | Hear | Send | Settle | Pause | Work | Tell
Talk: TypeAlias = Generator[Step, Any, T]


def retold(talk: Talk[T], tell: Callable[[Any], Any]) -> Talk[T]:
    """The talk with what it tells put another way; None is not told."""
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            step = talk.send(answer) if error is None else talk.throw(error)
        except StopIteration as end:
            value: T = end.value
            return value
        answer, error = None, None
        if isinstance(step, Tell):
            step = Tell(tell(step.value))
            if step.value is None:
                continue
        try:
            answer = yield step
        except BaseException as caught:  # all of them: the inner talk decides
            error = caught
