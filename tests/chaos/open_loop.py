"""OpenLoop: calls sent at their own times, whatever became of those before: overload as callers make it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

_OWN = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
_BUSY = grpc.StatusCode.RESOURCE_EXHAUSTED


@dataclass(frozen=True)
class Reply:
    """What one call came to.

    Attributes:
        code: status.
        seconds: from sending to the status.
        ended: when, on the monotonic clock.
        told: whether it carried RetryInfo and `grpc-retry-pushback-ms`, both above 0.
    """

    code: grpc.StatusCode
    seconds: float
    ended: float
    reported: bool = False

    @property
    def refused(self) -> bool:
        """Whether admission turned it away."""
        return self.code is _BUSY


def own_channel(address: str) -> Any:
    """A connection that no other channel shares, and that repeats nothing by itself."""
    return grpc.aio.insecure_channel(address, options=_OWN)


async def call(channel: Any, method: str, request: bytes, timeout: float) -> Reply:
    """One unary call with bytes as they are."""
    began = time.monotonic()
    try:
        await channel.unary_unary(method)(request, timeout=timeout)
    except grpc.aio.AioRpcError as error:
        now = time.monotonic()
        return Reply(error.code(), now - began, now, _tells_when(error.trailing_metadata()))
    now = time.monotonic()
    return Reply(grpc.StatusCode.OK, now - began, now)


async def offer(
    channels: Sequence[Any],
    method: str,
    requests: Callable[[int], bytes],
    rate: float,
    seconds: float,
    rng: random.Random,
    timeout: float = 30.0,
) -> list[Reply]:
    """Send calls with exponential gaps, `rate` a second on average, and return what each came to."""
    loop = asyncio.get_running_loop()
    start, at, sent = loop.time(), 0.0, []
    while (at := at + rng.expovariate(rate)) < seconds:
        await asyncio.sleep(max(0.0, start + at - loop.time()))
        channel, number = channels[len(sent) % len(channels)], len(sent)
        sent.append(asyncio.create_task(call(channel, method, requests(number), timeout)))
    return list(await asyncio.gather(*sent))


async def saturate(
    channel: Any, method: str, requests: Callable[[int], bytes], callers: int, seconds: float, pause: float
) -> list[Reply]:
    """Keep `callers` calls open for some seconds: what the server answers then is its peak. A refused one rests."""
    end, replies = time.monotonic() + seconds, []

    async def one() -> None:
        while time.monotonic() < end:
            replies.append(await call(channel, method, requests(len(replies)), 30.0))
            if replies[-1].refused:
                await asyncio.sleep(pause)

    await asyncio.gather(*(one() for _ in range(callers)))
    return replies


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _tells_when(trailers: Any) -> bool:
    found = dict(trailers or ())
    pause = error_details_pb2.RetryInfo()
    for detail in status_pb2.Status.FromString(found.get("grpc-status-details-bin", b"")).details:
        if detail.Is(pause.DESCRIPTOR):
            detail.Unpack(pause)
    return pause.retry_delay.ToMilliseconds() > 0 and int(found.get("grpc-retry-pushback-ms", "0")) > 0
