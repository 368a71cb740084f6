"""Overload: 2 and 5 times what the server can answer. It goes on at its peak and turns the rest away at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from protos import convert
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import ranking_service_pb2 as pb
from tests.chaos.health import Prober
from tests.chaos.open_loop import Reply, offer, own_channel, percentile, saturate
from tests.chaos.outcome import Outcome, command
from tests.service.running import RunningServer, arrays, limited, until

TIMES = (2, 5)
CALLERS = 4
CHANNELS = 8
PREDICT, CREATE = "/w2s.v1.PredictorService/Predict", "/w2s.v1.RankingService/CreateRankingJob"
ALLOWED = {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
MIN_GOODPUT = 0.4
"""Of the peak, below which a run is broken wherever it ran; the promise of 0.9 is read off the committed table, since
client, front process and worker share the cores with other processes."""

MAX_REFUSAL = 0.5
"""Seconds that the middle refusal may take anywhere; the promise is 0.05 for 99 in 100."""

SLOW = "slow: "
"""How complaints begin that a busy machine may explain."""


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """Predict, then jobs, at their peak and at 2 and 5 times of it, `rounds` seconds a phase."""
    limits = {"max_predict_waiting": CALLERS, "max_queued_jobs": CALLERS, "worker_jobs": 10**6}
    figures: dict[str, float] = {}
    broken: list[str] = []
    with RunningServer(folder, *limited(**limits)) as running:
        running.predict_worker()
        running.job_worker()
        message = convert.query_to_proto(arrays(rows=60))
        predict = ask.PredictRequest(query=message).SerializeToString()
        stamp = rng.getrandbits(32)

        def create(number: int) -> bytes:
            name = f"{stamp:x}-{time.monotonic_ns()}-{number}"
            return pb.CreateRankingJobRequest(request_id=name, query=message).SerializeToString()

        counts: Counter[str] = Counter()
        for kind, method, requests in (("predict", PREDICT, lambda _: predict), ("jobs", CREATE, create)):
            asyncio.run(_overload(running, kind, method, requests, rounds, rng, figures, counts, broken))
        if running.events("internal_error"):
            broken.append("the server met faults of its own")
    least = rounds * len(TIMES)
    return Outcome(counts["refused"], least, counts["answered"], least, figures, broken)


async def _overload(
    running: RunningServer,
    kind: str,
    method: str,
    requests: Callable[[int], bytes],
    seconds: float,
    rng: random.Random,
    figures: dict[str, float],
    counts: Counter[str],
    broken: list[str],
) -> None:
    channels = [own_channel(running.address) for _ in range(CHANNELS)]
    try:
        peaks = [await _peak(running, kind, channels[0], method, requests, seconds)]
        for times in TIMES:
            with Prober(running.address) as prober:
                began, before = time.monotonic(), _settled(running)
                replies = await offer(channels, method, requests, peaks[0] * times, seconds, rng)
                done = _settled(running) - before
                spent = time.monotonic() - began
            peaks.append(await _peak(running, kind, channels[0], method, requests, seconds))
            good = sum(reply.code is grpc.StatusCode.OK for reply in replies)
            rate = (good if kind == "predict" else done) / spent
            reported = prober.reported
            refused = [reply for reply in replies if reply.refused]
            name = f"{kind} {times}x"
            figures |= {
                f"{name}: peak a second": round(_middle(peaks[-2:]), 1),
                f"{name}: goodput of peak": round(rate / _middle(peaks[-2:]), 3),
                f"{name}: offered": len(replies),
                f"{name}: refused": len(refused),
                f"{name}: refusal p50 ms": _milliseconds(refused, 0.5),
                f"{name}: refusal p99 ms": _milliseconds(refused, 0.99),
                f"{name}: health p99 ms": round(reported.p99 * 1000, 1),
            }
            counts["refused"] += len(refused)
            counts["answered"] += good
            broken += [f"{what}, {name}" for what in _errors(replies, refused, rate / _middle(peaks[-2:]), times)]
            if reported.refused or not reported.asked:
                broken.append(f"health was refused {reported.refused} times of {reported.asked}, {name}")
    finally:
        for channel in channels:
            await channel.close()


def _errors(replies: list[Reply], refused: list[Reply], goodput: float, times: int) -> list[str]:
    faults = [f"a call ended with {reply.code.name}" for reply in replies if reply.code not in ALLOWED]
    if any(not reply.reported for reply in refused):
        faults.append("a refused call was not told when to come back")
    if len(refused) < len(replies) * (1 - 1 / times) / 2 - 4 * CALLERS:  # some wait, and some arrive late
        faults.append(f"{SLOW}only {len(refused)} of {len(replies)} were refused: it was no overload")
    if goodput < MIN_GOODPUT:
        faults.append(f"{SLOW}goodput of {goodput:.2f} of the peak")
    if percentile([reply.seconds for reply in refused], 0.5) > MAX_REFUSAL:
        faults.append(f"{SLOW}half of the refusals took over {MAX_REFUSAL} s")
    return faults


async def _peak(
    running: RunningServer, kind: str, channel: Any, method: str, requests: Callable[[int], bytes], seconds: float
) -> float:
    """Answers, or finished jobs, a second with `CALLERS` callers that never stop asking."""
    if kind == "jobs":
        await asyncio.to_thread(_drained, running)
    began, before = time.monotonic(), _settled(running)
    replies = await saturate(channel, method, requests, CALLERS, seconds, pause=0.02)
    done = _settled(running) - before
    good = sum(reply.code is grpc.StatusCode.OK for reply in replies)
    return (good if kind == "predict" else done) / (time.monotonic() - began)


def _settled(running: RunningServer) -> int:
    return len(running.events("job_finished"))


def _drained(running: RunningServer) -> None:
    until(lambda: _settled(running) >= len(running.events("job_started")), 60)


def _middle(values: list[float]) -> float:
    return sum(values) / len(values)


def _milliseconds(replies: list[Reply], share: float) -> float:
    return round(percentile([reply.seconds for reply in replies], share) * 1000, 1)


if __name__ == "__main__":
    command(run, 30)
