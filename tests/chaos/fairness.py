"""Fairness: three tenants at work, and a fourth that is hostile at every gate in every other phase.

`python -m tests.chaos.fairness [--rounds 3] [--seconds 20] [--write]`: per round one phase alone and one under attack,
so that other work on the machine meets both; `--write` puts the table into `fairness.md` beside this file. The hostile
tenant is a process of its own that ignores every refusal and every pause asked of it. It calls Predict and fits, stores
jobs, floods with cheap calls, holds uploads half open and watches, each many times over what its share allows.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np

from client import PredictorClient
from client.credentials import Credentials
from predictor.errors import LimitError, W2SError
from predictor.store.manifest import Manifest
from protos import convert
from protos.parts import PartManifest, part_manifest_to_proto
from protos.w2s.v1 import calibration_pb2, features_pb2, parts_pb2, predictor_service_pb2, ranking_service_pb2
from server.access.tokens import TokenFile
from tests.calibration.simulated import outcomes
from tests.chaos.open_loop import own_channel, percentile
from tests.service.running import RunningServer, arrays, limited

TENANTS = ("alice", "bob", "carol")
BOUND = 2.0
LIMITS = {
    "workers": 2, "tenant_workers": 1, "predict_workers": 2, "max_open_transfers": 16, "max_open_watches": 200,
    "tenant_calls_per_second": 50, "tenant_open_calls": 4, "tenant_queued_jobs": 50, "tenant_disk_bytes": 50_000_000,
    "upload_idle_seconds": 5, "max_wait_seconds": 10, "worker_jobs": 1000,
}  # fmt: skip
RATES = {"Predict": 10, "CreateRankingJob": 10, "FitCalibration": 5, "ListRankingJobs": 60, "GetServerInfo": 60}
"""Calls a second of the hostile tenant, where refusals end them at once; it may make 50 in all."""

HELD = {"UploadFeatures": 40, "UploadPart": 40, "WatchRankingJob": 300}
"""Streams that it tries to hold; its shares are 8 transfers and 100 watches."""

Times = dict[str, list[float]]


def acts(client: PredictorClient, number: int) -> dict[str, Callable[[], object]]:
    """What a tenant does by turns, each timed."""
    return {
        "Predict, 60 rows": lambda: client.predict(arrays(number)),
        "a job of 60 rows, to its end": lambda: client.wait(client.submit(arrays(number))),
        "push of 100 × 64 features": lambda: client.features.push("set", np.full((100, 64), number, np.float32)),
        "list of features": lambda: list(client.features.ls()),
        "server info": client.server_info,
    }


def work(address: str, token: str, seconds: float, times: Times, refused: Counter[str]) -> None:
    """One tenant, one call at a time."""
    end = time.monotonic() + seconds
    with PredictorClient(address, token=token, timeout=120) as client:
        for number in itertools.count():
            for name, act in acts(client, number).items():
                if time.monotonic() > end:
                    return
                began = time.monotonic()
                try:
                    act()
                except LimitError as error:
                    refused[error.reason] += 1
                times.setdefault(name, []).append(time.monotonic() - began)
                time.sleep(0.05)


def phase(address: str, tokens: dict[str, str], seconds: float, times: Times, refused: Counter[str]) -> None:
    """All tenants at work for some seconds."""
    threads = [threading.Thread(target=work, args=(address, tokens[name], seconds, times, refused)) for name in TENANTS]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


async def attack(address: str, token: str) -> None:
    """Every gate at once, until killed; counts of what came back are printed each second."""
    headers, channels = Credentials(token).headers(), [own_channel(address) for _ in range(8)]
    codes: Counter[str] = Counter()
    heavy = convert.query_to_proto(arrays(rows=1000))
    numbers = itertools.count()
    requests: dict[str, Callable[[], tuple[str, Any]]] = {
        "Predict": lambda: ("PredictorService", predictor_service_pb2.PredictRequest(query=heavy)),
        "CreateRankingJob": lambda: (
            "RankingService",
            ranking_service_pb2.CreateRankingJobRequest(request_id=f"{os.getpid()}-{next(numbers)}", query=heavy),
        ),
        "FitCalibration": lambda: ("CalibrationService", calibration_pb2.FitCalibrationRequest(name="x")),
        "ListRankingJobs": lambda: ("RankingService", ranking_service_pb2.ListRankingJobsRequest()),
        "GetServerInfo": lambda: ("PredictorService", predictor_service_pb2.GetServerInfoRequest()),
    }

    async def call(method: str) -> None:
        service, request = requests[method]()
        channel = channels[next(numbers) % len(channels)]
        try:
            await channel.unary_unary(f"/w2s.v1.{service}/{method}")(
                request.SerializeToString(), timeout=60, metadata=headers
            )
            codes[f"{method} OK"] += 1
        except grpc.aio.AioRpcError as error:
            codes[f"{method} {error.code().name}"] += 1

    async def flood(method: str, rate: float, group: asyncio.TaskGroup) -> None:
        while True:
            await asyncio.sleep(1 / rate)
            group.create_task(call(method))

    async def silent(first: bytes) -> AsyncIterator[bytes]:
        yield first
        await asyncio.sleep(60)

    async def hold(method: str) -> None:
        values = np.zeros((300, 1024), np.float32)
        while True:
            channel = channels[next(numbers) % len(channels)]
            with suppress(grpc.aio.AioRpcError):
                if method == "WatchRankingJob":
                    request = ranking_service_pb2.WatchRankingJobRequest(id=watched).SerializeToString()
                    async for _ in channel.unary_stream(f"/w2s.v1.RankingService/{method}")(request, metadata=headers):
                        pass
                else:
                    name = f"s{next(numbers)}"
                    features = convert.manifest_to_proto(Manifest.of(name, values))
                    part = part_manifest_to_proto(PartManifest.of(name.encode() * 100))
                    first, service = (
                        (features_pb2.UploadFeaturesRequest(manifest=features), "FeatureService")
                        if method == "UploadFeatures"
                        else (parts_pb2.UploadPartRequest(manifest=part), "PartService")
                    )
                    call_ = channel.stream_unary(f"/w2s.v1.{service}/{method}")
                    await call_(silent(first.SerializeToString()), metadata=headers)
            codes[f"{method} ended"] += 1
            await asyncio.sleep(2)

    with PredictorClient(address, token=token, timeout=120) as client:
        with suppress(W2SError):
            await asyncio.to_thread(client.calibrations.record, outcomes())
        watched = await asyncio.to_thread(client.submit, arrays(rows=1000), f"watched-{os.getpid()}")
    async with asyncio.TaskGroup() as group:
        for method, rate in RATES.items():
            group.create_task(flood(method, rate, group))
        for method, count in HELD.items():
            for _ in range(count):
                group.create_task(hold(method))
        while True:
            await asyncio.sleep(1)
            print(" ".join(f"{name.replace(' ', ':')}={count}" for name, count in sorted(codes.items())), flush=True)


def spent(server: int, hostile: int | None = None) -> Counter[str]:
    """Seconds of processors so far, of the server's front and its workers and of the attacker."""
    clock = os.sysconf("SC_CLK_TCK")

    def times(pid: int) -> list[float]:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return [int(value) / clock for value in fields[11:15]]

    user, system, *ended = times(server)
    workers = sum(ended)
    for child in Path(f"/proc/{server}/task").glob("*/children"):
        for pid in child.read_text(encoding="utf-8").split():
            with suppress(FileNotFoundError, ProcessLookupError):
                workers += sum(times(int(pid))[:2])
    attacker = 0.0 if hostile is None else sum(times(hostile)[:2])
    return Counter({"front": user + system, "workers": workers, "attacker": attacker})


def run(folder: Path, rounds: int, seconds: float) -> tuple[Times, Times, Counter[str], str, Counter[str]]:
    """Times alone and under attack, what the others were refused, the last counts of the attacker, and what it cost."""
    file = TokenFile(folder / "tokens")
    tokens = {name: file.add(name, ("admin",), 86_400.0) for name in (*TENANTS, "hostile")}
    alone: Times = {}
    attacked: Times = {}
    refused: Counter[str] = Counter()
    said, cost = "", Counter[str]()
    with RunningServer(folder, "--tokens", str(file.path), *limited(**LIMITS)) as running:
        phase(running.address, tokens, 5, {}, Counter())  # workers get warm
        for _ in range(rounds):
            phase(running.address, tokens, seconds, alone, Counter())
            command = [sys.executable, "-m", "tests.chaos.fairness", "--attack", running.address]
            environment = os.environ | {"HOSTILE_TOKEN": tokens["hostile"]}
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as hostile:
                assert hostile.stdout is not None
                hostile.stdout.readline()
                lines: list[str] = []
                reading = threading.Thread(target=lambda out=hostile.stdout, to=lines: to.extend(out))
                reading.start()
                before = spent(running.process.pid, hostile.pid)
                phase(running.address, tokens, seconds, attacked, refused)
                cost += spent(running.process.pid, hostile.pid)
                cost.subtract(before)
                hostile.kill()
                reading.join()
                said = lines[-1].strip() if lines else said
            _clear(running, tokens["hostile"])
        for event in running.events("call"):
            if event["tenant"] in TENANTS and event["code"] != "OK":
                refused[f"{event['method'].rpartition('/')[2]} {event['code']}"] += 1  # clients try again by themselves
        if running.events("internal_error"):
            raise RuntimeError("the server met bugs of its own")
    return alone, attacked, refused, said, cost


def _clear(running: RunningServer, token: str) -> None:
    """What the attacker left waits no longer, so that the next phase is alone."""
    time.sleep(2)  # until its calls of a second are used up no longer
    with running.client(token=token, timeout=60) as client:
        for job in client.jobs():
            with suppress(W2SError):
                client.cancel(job.id) if not job.finished else None


def table(alone: Times, attacked: Times) -> str:
    """Latencies by call, and how many times as long the 99th percentile is."""
    lines = [
        "| call | calls alone / attacked | alone p50 / p99, ms | attacked p50 / p99, ms | p99 ratio |",
        "|---|---|---|---|---|",
    ]
    for name in alone:
        pairs = [(percentile(one, 0.5) * 1000, percentile(one, 0.99) * 1000) for one in (alone[name], attacked[name])]
        spans = " | ".join(f"{p50:.0f} / {p99:.0f}" for p50, p99 in pairs)
        counts = f"{len(alone[name])} / {len(attacked[name])}"
        lines.append(f"| {name} | {counts} | {spans} | {pairs[1][1] / pairs[0][1]:.2f} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--attack", metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.attack:
        asyncio.run(attack(given.attack, os.environ["HOSTILE_TOKEN"]))
    with tempfile.TemporaryDirectory() as folder:
        alone, attacked, refused, said, cost = run(Path(folder), given.rounds, given.seconds)
    told = f"The others were refused: {dict(refused) or 'nothing'}. The hostile tenant's calls came to: {said}."
    shares = ", ".join(f"{name} {value / given.rounds / given.seconds:.0%}" for name, value in cost.items())
    where = (
        f"{given.rounds} rounds of {given.seconds:g} s alone and attacked; load average {os.getloadavg()[1]:.0f}. "
        f"Shares of one processor under attack, with the attacker on the same {os.cpu_count()}: {shares}."
    )
    text = f"{table(alone, attacked)}\n\n{told}\n{where}\n"
    print(text)
    if given.write:
        when = f"Measured on {datetime.now(UTC):%Y-%m-%d}, 2 shared cores."
        head = f"# Four tenants, one hostile at every gate\n\n{when}\n\n"
        foot = "\nMade by `python -m tests.chaos.fairness --write`.\n"
        Path(__file__).with_suffix(".md").write_text(head + text + foot, encoding="utf-8")
    worst = max(percentile(attacked[name], 0.99) / percentile(alone[name], 0.99) for name in alone)
    return int(worst > BOUND or bool(refused))


if __name__ == "__main__":
    sys.exit(main())
