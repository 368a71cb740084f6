"""Transfers of the asyncio client: sets go on where they were broken off, and the loop goes on meanwhile."""

import asyncio
import contextlib
import time

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError
from predictor.store.manifest import Manifest
from tests.answers import bare
from tests.client.looping import run
from tests.service.running import arrays
from tests.service.sending import CHUNK, chunks, head, received, send, signal


def test_a_set_is_pushed_from_where_an_earlier_stream_ended_and_pulled_as_it_was(server, client, tmp_path):
    values = signal(seed=70)
    manifest = Manifest.of("aio-set", values)
    with pytest.raises(InputError, match="ask where to go on"):
        send(client, [head(manifest), *chunks(values)[:3]])
    assert received(client, manifest) == 3 * CHUNK

    async def carry(aio):
        steps = [step.done async for step in aio.features.push_steps(manifest, values)]
        found = await aio.features.pull("aio-set")
        async for _ in aio.features.pull_steps("aio-set", tmp_path / "out.npy"):
            pass
        listed = {one.name async for one in aio.features.ls()}
        kept = await aio.features.find("aio-set")
        await aio.features.remove("aio-set")
        with pytest.raises(NotFoundError, match="there is no feature set 'aio-set'"):
            await aio.features.pull("aio-set")
        return steps, found, listed, kept

    steps, found, listed, kept = run(server.address, carry)
    assert min(steps) >= 3 * CHUNK
    assert steps[-1] == values.nbytes
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), values)
    assert "aio-set" in listed
    assert (kept.rows, kept.dim) == values.shape


def test_what_is_known_of_a_set_goes_with_it(server):
    known = {"rows_sha256": "cd" * 32, "layer": "3", "parameters": 9, "depth": 0.25}

    async def carry(aio):
        await aio.features.push("aio-known", signal(), **known)
        return await aio.features.pull("aio-known")

    found = run(server.address, carry)
    assert {key: found.about[key] for key in known} == known


def test_a_transfer_goes_on_across_a_restart_of_the_server(start):
    running = start()
    values = signal(rows=6000, seed=71)
    manifest = Manifest.of("outlive", values)

    async def push(aio):
        steps, killed = aio.features.push_steps(manifest, values), False
        async for step in steps:
            if not killed and step.done:
                killed = True
                running.kill()
                await asyncio.to_thread(lambda: start(address=running.address))
        return (await aio.features.pull("outlive")).values

    np.testing.assert_array_equal(run(running.address, push), values)


def test_the_loop_goes_on_while_a_request_is_built_and_a_set_is_sent(server):
    late = []

    async def tick():
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            late.append(time.monotonic() - before)

    async def busy(aio):
        ticking = asyncio.create_task(tick())
        await aio.features.push("busy", signal(rows=4000, seed=72))
        await aio.features.remove("busy")
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking

    run(server.address, busy)
    assert len(late) > 1


def test_a_request_larger_than_a_message_goes_out_in_parts(server, client):
    query = arrays(5, rows=300)
    assert bare(run(server.address, lambda aio: aio.predict(query), max_message_bytes=6000)) == bare(
        client.predict(query)
    )
