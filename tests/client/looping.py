"""Looping: what an asyncio client says in an event loop of its own."""

import asyncio
import time

from client import AsyncPredictorClient


def run(address, act, **options):
    """What `act(client)` returns, in an event loop of its own."""

    async def inside():
        async with AsyncPredictorClient(address, **options) as client:
            return await asyncio.wait_for(act(client), 120)

    return asyncio.run(inside())


async def soon(found, seconds=120.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := await found():
            return value
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


async def listen(aio, name):
    return [job async for job in aio.watch(name)]
