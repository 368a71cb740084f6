"""Crowd: silent sockets, uploads left half open and watch streams, all at once. Health stays quick, nobody is refused,
every watcher learns the end, and nothing stays open afterwards."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from predictor.store.manifest import Manifest
from protos.w2s.v1 import ranking_service_pb2 as pb
from tests.chaos.health import Prober
from tests.chaos.open_loop import own_channel
from tests.chaos.outcome import Outcome, command
from tests.service.running import RunningServer, arrays, limited, until
from tests.service.sending import CHUNK, chunks, head

WATCH, UPLOAD = "/w2s.v1.RankingService/WatchRankingJob", "/w2s.v1.FeatureService/UploadFeatures"
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""An HTTP/2 client's first words: half of the sockets say them and then nothing; the other half not even that."""

STREAMS_A_CHANNEL = 50
LEFT_OPEN = 12
"""Descriptors that the server may have gained: a replaced worker's pipes, connections on their way out."""

SLOW = 1.0
"""Seconds for 99 of 100 health checks, above which a run is broken wherever it ran; 0.1 is read off the table."""


@dataclass(frozen=True)
class Size:
    """How many of each."""

    sockets: int = 500
    uploads: int = 200
    watches: int = 1000


def run(folder: Path, rounds: int, rng: random.Random, size: Size | None = None) -> Outcome:
    """Hold the whole crowd for `rounds` seconds."""
    size = size or Size()
    allow_files(2 * (size.sockets + size.uploads + size.watches) + 1000)
    limits = {"max_open_transfers": size.uploads + 10, "worker_silence_seconds": 3600, "upload_idle_seconds": 3600}
    figures: dict[str, float] = {}
    broken: list[str] = []
    with RunningServer(folder, *limited(**limits)) as running:
        running.predict_worker()
        worker = running.freeze_job_worker()
        with running.client() as client:
            job = client.submit(arrays(rng.randrange(9)))
            client.predict(arrays())
            before = _held(running)
        reached = asyncio.run(_crowd(running, worker, job, rounds, size, figures, broken))
        end = time.monotonic() + 30
        while (files := _held(running)[0]) > before[0] + LEFT_OPEN and time.monotonic() < end:
            time.sleep(0.1)
        figures |= {"files before": before[0], "files after": files, "threads before": before[1]}
        figures["threads after"] = _held(running)[1]
        if files > before[0] + LEFT_OPEN:
            broken.append(f"the server has {files} open files, and had {before[0]}")
        if running.events("internal_error"):
            broken.append("the server met faults of its own")
    least = size.sockets + size.uploads + size.watches
    return Outcome(reached, least, reached, least, figures, broken)


async def _crowd(
    running: RunningServer,
    worker: int,
    job: str,
    seconds: float,
    size: Size,
    figures: dict[str, float],
    broken: list[str],
) -> int:
    sockets = [_silent(running.address, speak=number % 2 == 0) for number in range(size.sockets)]
    channels = [own_channel(running.address) for _ in range(-(-(size.uploads + size.watches) // STREAMS_A_CHANNEL) + 1)]
    try:
        opened: Counter[str] = Counter()
        hold = asyncio.Event()
        values = np.random.default_rng(0).normal(size=(300, 512)).astype(np.float32)
        uploads = [
            asyncio.create_task(_upload(channels[n % len(channels)], n, values, hold, opened))
            for n in range(size.uploads)
        ]
        watches = [asyncio.create_task(watch(channels[n % len(channels)], job, opened)) for n in range(size.watches)]
        end = time.monotonic() + 60
        while opened.total() < size.uploads + size.watches and time.monotonic() < end:
            await asyncio.sleep(0.05)
        staged = await asyncio.to_thread(_staged, running, size.uploads * CHUNK)
        keeper = asyncio.create_task(_keep(sockets, running.address, figures))
        with Prober(running.address) as prober:
            refused = await asyncio.to_thread(_use, running, seconds)
        keeper.cancel()
        _refill(sockets, running.address)
        alive = sum(_open(one) for one in sockets)
        os.kill(worker, signal.SIGCONT)
        began = time.monotonic()
        ends = Counter(await asyncio.wait_for(asyncio.gather(*watches), 60))
        figures["ms to the last watcher's end"] = round((time.monotonic() - began) * 1000)
        hold.set()
        reported = Counter(await asyncio.wait_for(asyncio.gather(*uploads), 60))
    finally:
        for channel in channels:
            await channel.close()
        for one in sockets:
            one.close()
    figures |= {
        "sockets": alive,
        "uploads": opened["upload"],
        "watches": opened["watch"],
        "health asked": prober.reported.asked,
        "health p50 ms": round(prober.reported.p50 * 1000, 1),
        "health p99 ms": round(prober.reported.p99 * 1000, 1),
    }
    if prober.reported.refused or prober.reported.p99 > SLOW or not prober.reported.asked:
        broken.append(f"health: {prober.reported}")
    if ends != {"SUCCEEDED": size.watches}:
        broken.append(f"watchers saw {dict(ends)}")
    if reported != {"UPLOAD_INCOMPLETE": size.uploads}:
        broken.append(f"uploads ended with {dict(reported)}")
    if staged < size.uploads * CHUNK:
        broken.append(f"{staged} bytes are staged, not {size.uploads * CHUNK}")
    if refused:
        broken.append(f"{len(refused)} calls beside the crowd failed, such as {refused[0]}")
    return alive + opened.total()


async def _keep(sockets: list[socket.socket], address: str, figures: dict[str, float]) -> None:
    """Open again what the server closes for being silent too long, so that the crowd stays one."""
    figures["sockets opened again"] = 0
    while True:
        await asyncio.sleep(1.0)
        figures["sockets opened again"] += _refill(sockets, address)


def _refill(sockets: list[socket.socket], address: str) -> int:
    closed = [place for place, one in enumerate(sockets) if not _open(one)]
    for place in closed:
        sockets[place].close()
        sockets[place] = _silent(address, speak=place % 2 == 0)
    return len(closed)


def _use(running: RunningServer, seconds: float) -> list[str]:
    """Ordinary calls of one more client; what went wrong with them."""
    wrong = []
    end = time.monotonic() + seconds
    with running.client(timeout=10) as client:
        while time.monotonic() < end:
            for ask in (client.server_info, lambda: client.predict(arrays()), lambda: list(client.features.ls())):
                try:
                    ask()
                except Exception as error:  # whatever it is, it is a call that should have been answered
                    wrong.append(repr(error))
            time.sleep(0.1)
    return wrong


async def watch(channel: Any, job: str, opened: Counter[str]) -> str:
    """The state that the watcher saw last."""
    watch = channel.unary_stream(
        WATCH,
        request_serializer=pb.WatchRankingJobRequest.SerializeToString,
        response_deserializer=pb.WatchRankingJobResponse.FromString,
    )
    state = ""
    try:
        async for answer in watch(pb.WatchRankingJobRequest(id=job), timeout=7200):
            if answer.HasField("job"):
                opened["watch"] += not state
                state = pb.JobState.Name(answer.job.state).removeprefix("JOB_STATE_")
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} after {state}: {error.details()}"
    return state


async def _upload(channel: Any, number: int, values: np.ndarray, hold: asyncio.Event, opened: Counter[str]) -> str:
    """Send a manifest and one chunk, hold on, end: the reason that the server gives."""
    first, *rest = [head(Manifest.of(f"half-{number}", values)), *chunks(values)]

    async def messages() -> AsyncIterator[bytes]:
        yield first.SerializeToString()
        yield rest[0].SerializeToString()
        opened["upload"] += 1
        await hold.wait()

    try:
        await channel.stream_unary(UPLOAD)(messages(), timeout=7200)
    except grpc.aio.AioRpcError as error:
        return str(error.code().name if error.details() is None else _reason(error))
    return "OK"


def _reason(error: Any) -> str:
    return "UPLOAD_INCOMPLETE" if "send the rest" in error.details() else f"{error.code().name}: {error.details()}"


def _staged(running: RunningServer, wanted: int) -> int:
    """Bytes of uploads on their way in, once they are as many as wanted, or after half a minute."""
    end = time.monotonic() + 30
    while True:
        now = sum(part.stat().st_size for part in (running.folder / "state" / "uploads").rglob("*.part"))
        if now >= wanted or time.monotonic() > end:
            return now
        time.sleep(0.1)


def _silent(address: str, *, speak: bool) -> socket.socket:
    host, _, port = address.rpartition(":")
    made = socket.create_connection((host, int(port)))
    if speak:
        made.sendall(HELLO)
    return made


def _open(one: socket.socket) -> bool:
    """Whether the server still holds the other end."""
    one.setblocking(False)
    try:
        while one.recv(65536):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False


def _held(running: RunningServer) -> tuple[int, int]:
    """Open descriptors and threads of the server."""
    until(lambda: running.process.poll() is None)
    own = Path(f"/proc/{running.process.pid}")
    return len(list((own / "fd").iterdir())), len(list((own / "task").iterdir()))


def allow_files(wanted: int) -> None:
    """Raise the soft limit on descriptors, for this process and the server that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


if __name__ == "__main__":
    command(run, 1800)
