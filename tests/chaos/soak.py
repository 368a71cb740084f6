"""Soak: half of what the server can do, for long, with one call in a hundred gone wrong: nothing grows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import grpc
import numpy as np

from client import PredictorClient
from predictor.errors import W2SError
from protos import convert
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import ranking_service_pb2 as pb
from tests.chaos.open_loop import call, own_channel, saturate
from tests.chaos.outcome import Outcome, command, everything
from tests.service.running import RunningServer, arrays, limited, resident

FAULTS = 0.01
PREDICT, CREATE = "/w2s.v1.PredictorService/Predict", "/w2s.v1.RankingService/CreateRankingJob"
WAIT, LIST = "/w2s.v1.RankingService/WaitRankingJob", "/w2s.v1.RankingService/ListRankingJobs"
MAX_GROWTH = {"rss_mb": 12.0, "files": 12.0, "threads": 6.0}
"""Between the medians of the second and of the last third of the run."""

SAMPLE_SECONDS = 0.5
FORGIVEN = {"DEADLINE_EXCEEDED", "UNAVAILABLE", "CANCELLED", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
"""What calls may end with where one in a hundred goes wrong: a killed worker takes those that waited for it along."""


@dataclass
class Load:
    """What was done, and what the server held meanwhile."""

    running: RunningServer
    rng: random.Random
    done: Counter[str]
    faults: Counter[str]
    samples: list[tuple[float, float, float]]


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """`rounds` seconds at half load."""
    flags = limited(retention_seconds=10, worker_jobs=500, tenant_calls_per_second=0)
    with RunningServer(folder, *flags) as running, running.client(timeout=30) as client:
        running.predict_worker()
        running.job_worker()
        load = Load(running, rng, Counter(), Counter(), [])
        rate = asyncio.run(_go(load, client, rounds))
        final = everything(running)
        internal = running.events("internal_error")
    growth = _growth(load.samples)
    names = tuple(MAX_GROWTH)
    last = [round(median(column), 1) for column in zip(*load.samples[-len(load.samples) // 3 :], strict=True)]
    broken = [
        f"{name} grew by {growth[name]:.1f}, more than {most}"
        for name, most in MAX_GROWTH.items()
        if growth[name] > most
    ]
    broken += [f"{code} ended {count} calls" for code, count in load.done.items() if code.isupper() and code != "OK"]
    broken += ["the server met faults of its own"] if internal else []
    broken += [f"job {job.id} became {job.state}" for job in final.values() if job.state not in ("SUCCEEDED",)]
    figures = {"calls a second": round(rate, 1), **load.done, **load.faults}
    figures |= {f"{name} at the end": value for name, value in zip(names, last, strict=True)}
    figures |= {f"{name} grown by": round(value, 1) for name, value in growth.items()}
    calls = load.done["calls"]
    return Outcome(load.faults.total(), int(calls * FAULTS / 4), calls, int(rounds * rate / 2), figures, broken)


async def _go(load: Load, client: PredictorClient, seconds: float) -> float:
    """Calls a second that were sent on average."""
    channels = [own_channel(load.running.address) for _ in range(4)]
    predict = ask.PredictRequest(query=convert.query_to_proto(arrays())).SerializeToString()
    try:
        replies = await saturate(channels[0], PREDICT, lambda _: predict, 2, min(5.0, seconds / 4), 0.05)
        rate = max(2.0, len(replies) / min(5.0, seconds / 4) / 2)
        sampling = asyncio.create_task(_sample(load))
        loop = asyncio.get_running_loop()
        start, at, sent = loop.time(), 0.0, set[asyncio.Task[None]]()
        while (at := at + load.rng.expovariate(rate)) < seconds:
            await asyncio.sleep(max(0.0, start + at - loop.time()))
            one = asyncio.create_task(_one(load, client, load.rng.choice(channels), predict))
            sent.add(one)
            one.add_done_callback(sent.discard)
        await asyncio.gather(*sent)
        sampling.cancel()
    finally:
        for channel in channels:
            await channel.close()
    return rate


async def _one(load: Load, client: PredictorClient, channel: Any, predict: bytes) -> None:
    """One call, or one in a hundred times something that goes wrong."""
    load.done["calls"] += 1
    if load.rng.random() < FAULTS:
        await _wrong(load, channel, predict)
        return
    kind = load.rng.random()
    if kind < 0.5:
        reply = await call(channel, PREDICT, predict, 30.0)
        load.done["OK" if reply.code is grpc.StatusCode.OK else _code(reply.code)] += 1
    elif kind < 0.7:
        await _job(load, channel)
    elif kind < 0.8:
        await asyncio.to_thread(_transfer, load, client, load.rng.randrange(5))
    else:
        reply = await call(channel, LIST, b"", 30.0)
        load.done["OK" if reply.code is grpc.StatusCode.OK else _code(reply.code)] += 1


async def _job(load: Load, channel: Any) -> None:
    query = convert.query_to_proto(arrays(load.rng.randrange(9)))
    request = pb.CreateRankingJobRequest(request_id=f"{load.rng.getrandbits(60):x}", query=query)
    try:
        made = pb.CreateRankingJobResponse.FromString(
            await channel.unary_unary(CREATE)(request.SerializeToString(), timeout=30)
        )
        waiting = pb.WaitRankingJobRequest(id=made.job.id).SerializeToString()
        answer = pb.WaitRankingJobResponse.FromString(await channel.unary_unary(WAIT)(waiting, timeout=120))
        load.done[f"job {pb.JobState.Name(answer.job.state)[10:].lower()}"] += 1
    except grpc.aio.AioRpcError as error:
        load.done[_code(error.code())] += 1


def _transfer(load: Load, client: PredictorClient, number: int) -> None:
    """Push a set of half a megabyte and pull it."""
    values = np.full((128, 1024), float(number), np.float32)
    with contextlib.suppress(W2SError):  # pushed by two at once, one of them is told so
        client.features.push(f"soak-{number}", values)
        client.features.pull(f"soak-{number}")
        load.done["transfers"] += 1


async def _wrong(load: Load, channel: Any, predict: bytes) -> None:
    error = load.rng.choice(("worker killed", "left", "malformed", "predict worker killed", "cut connection"))
    load.faults[error] += 1
    if error == "left":
        await call(channel, PREDICT, predict, 0.002)
    elif error == "malformed":
        await call(channel, CREATE, load.rng.randbytes(200), 30.0)
    elif error == "cut connection":
        own = own_channel(load.running.address)
        doomed = asyncio.create_task(call(own, PREDICT, predict, 30.0))
        await asyncio.sleep(0.01)
        await own.close()
        with contextlib.suppress(asyncio.CancelledError, grpc.aio.UsageError):
            await doomed
    else:
        worker = load.running.job_worker() if error == "worker killed" else load.running.predict_worker()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def _code(code: grpc.StatusCode) -> str:
    return f"forgiven {code.name.lower()}" if code.name in FORGIVEN else code.name


async def _sample(load: Load) -> None:
    pid = load.running.process.pid
    own = Path(f"/proc/{pid}")
    while True:
        load.samples.append((resident(pid) / 2**20, len(os.listdir(own / "fd")), len(os.listdir(own / "task"))))
        await asyncio.sleep(SAMPLE_SECONDS)


def _growth(samples: list[tuple[float, float, float]]) -> dict[str, float]:
    third = len(samples) // 3
    if not third:
        return dict.fromkeys(MAX_GROWTH, float("inf"))
    before, after = samples[third : 2 * third], samples[-third:]
    return {
        name: median(one[place] for one in after) - median(one[place] for one in before)
        for place, name in enumerate(MAX_GROWTH)
    }


if __name__ == "__main__":
    command(run, 120)
