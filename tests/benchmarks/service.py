"""Service: what the front process adds to a prediction, and what a thousand watchers cost.

`python -m tests.benchmarks.service [--seconds 4] [--rounds 3] [--watchers 1000] [--write]` starts a server and, beside
it, a bare `grpc.aio` echo that answers with as many bytes, and asks both by turns at 1, 16 and 64 callers; between them
the same ranking is computed in this process. `--write` puts the tables into `service.md` beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import grpc.aio
from threadpoolctl import threadpool_limits

from predictor.ranking.rank import rank_steps
from predictor.steps import drain
from predictor.store.arrays import ArraySource
from protos import convert
from protos.w2s.v1 import predictor_service_pb2 as ask
from tests.chaos.crowd import Size, allow_files, watch
from tests.chaos.health import Prober
from tests.chaos.open_loop import Reply, call, own_channel, percentile, saturate
from tests.service.running import RunningServer, arrays, limited, resident, under_way

CALLERS = (1, 16, 64)
ROWS = 64
PREDICT, INFO = "/w2s.v1.PredictorService/Predict", "/w2s.v1.PredictorService/GetServerInfo"
ECHO = "/echo/Predict"


@dataclass(frozen=True)
class Line:
    """Calls of one kind at one number of callers.

    Attributes:
        p50, p99: latency in milliseconds.
        rate: calls a second.
        cpu: milliseconds of processor time that the process that answers took of each; 0 where not measured.
        worker_cpu: the same of its worker; 0 where none is asked.
    """

    p50: float
    p99: float
    rate: float
    cpu: float = 0.0
    worker_cpu: float = 0.0


class Echo:
    """`grpc.aio` and nothing else, in a process of its own."""

    def __init__(self, size: int) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.service", "--echo", str(size)], stdout=subprocess.PIPE, text=True
        )
        assert self._child.stdout is not None
        self.address = self._child.stdout.readline().strip()
        self.pid = self._child.pid

    def __enter__(self) -> Echo:
        return self

    def __exit__(self, *error: object) -> None:
        self._child.kill()
        self._child.wait()


async def echo(size: int) -> None:
    """Serve `ECHO` with an answer of that many bytes, until killed."""
    answer = bytes(size)

    async def act(request: bytes, context: Any) -> bytes:
        return answer

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(act)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo", {"Predict": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def line_of(replies: list[Reply], seconds: float, cpu: float, worker_cpu: float) -> Line:
    if any(reply.code is not grpc.StatusCode.OK for reply in replies):
        raise RuntimeError(f"calls failed: {Counter(reply.code for reply in replies)}")
    times = [reply.seconds * 1000 for reply in replies]
    each = 1000 / len(replies)
    return Line(percentile(times, 0.5), percentile(times, 0.99), len(replies) / seconds, cpu * each, worker_cpu * each)


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(address: str, pids: tuple[int, ...], method: str, request: bytes, callers: int, seconds: float) -> Line:
    """Calls of one kind; processor time is that of the processes given, the one that answers first."""

    async def run() -> Line:
        channel = own_channel(address)
        try:
            await saturate(channel, method, lambda _: request, callers, 0.3, 0.0)
            began, before = time.monotonic(), [processor_seconds(pid) for pid in pids]
            replies = await saturate(channel, method, lambda _: request, callers, seconds, 0.0)
            spent = [processor_seconds(pid) - start for pid, start in zip(pids, before, strict=True)]
            return line_of(replies, time.monotonic() - began, spent[0], sum(spent[1:]))
        finally:
            await channel.close()

    return asyncio.run(run())


def paired(address: str, request: bytes, seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds of the same ranking by a call in this process and by Predict, call by call in turn.

    The linear algebra of the former runs on one thread, as it does in a worker.
    """
    query, source = arrays(rows=ROWS), ArraySource()
    alone: list[float] = []
    asked: list[float] = []

    async def run() -> None:
        channel = own_channel(address)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            asked.append((await call(channel, PREDICT, request, 30.0)).seconds * 1000)
            began = time.perf_counter()
            drain(rank_steps(query, source))
            alone.append((time.perf_counter() - began) * 1000)
        await channel.close()

    with threadpool_limits(1):
        asyncio.run(run())
    return alone, asked


def middle(lines: list[Line]) -> Line:
    return Line(
        *(median(getattr(line, name) for line in lines) for name in ("p50", "p99", "rate", "cpu", "worker_cpu"))
    )


def compare(folder: Path, seconds: float, rounds: int) -> tuple[dict[tuple[str, int], Line], list[float], list[float]]:
    """What was called, callers -> its line; and the pairs of `paired`."""
    alone: list[float] = []
    asked: list[float] = []
    request = ask.PredictRequest(query=convert.query_to_proto(arrays(rows=ROWS))).SerializeToString()
    found: dict[tuple[str, int], list[Line]] = {}
    flags = limited(max_predict_waiting=1000, tenant_calls_per_second=0, worker_jobs=10**6)
    with RunningServer(folder, *flags) as running, running.client() as client:
        worker, front = running.predict_worker(), running.process.pid
        size = convert.ranking_to_proto(client.predict(arrays(rows=ROWS))).ByteSize()
        with Echo(size) as bare:
            for _ in range(rounds):
                for values, more in zip((alone, asked), paired(running.address, request, seconds), strict=True):
                    values += more
                for callers in CALLERS:
                    for name, address, pids, method, sent in (
                        ("echo", bare.address, (bare.pid,), ECHO, request),
                        ("info", running.address, (front,), INFO, b""),
                        ("predict", running.address, (front, worker), PREDICT, request),
                    ):
                        line = measured(address, pids, method, sent, callers, seconds)
                        found.setdefault((name, callers), []).append(line)
    return {key: middle(lines) for key, lines in found.items()}, alone, asked


def watchers(folder: Path, count: int) -> dict[str, float]:
    """A job that many watch: how health fares, when the last one knows the end, and what they take."""
    allow_files(4 * count + 1000)
    with RunningServer(folder, "--limit", "worker_silence_seconds=3600") as running, running.client() as client:
        running.predict_worker()
        worker = running.freeze_job_worker()
        job = under_way(client, arrays())
        before = resident(running.process.pid)

        async def run() -> tuple[float, int, float, Prober]:
            channels = [own_channel(running.address) for _ in range(20)]
            opened: Counter[str] = Counter()
            began = time.monotonic()
            watching = [asyncio.create_task(watch(channels[n % 20], job, opened)) for n in range(count)]
            while opened["watch"] < count:
                await asyncio.sleep(0.02)
            all_open = time.monotonic() - began
            with Prober(running.address) as prober:
                await asyncio.sleep(5)
            held = resident(running.process.pid) - before
            os.kill(worker, signal.SIGCONT)
            began = time.monotonic()
            ends = Counter(await asyncio.gather(*watching))
            if ends != {"SUCCEEDED": count}:
                raise RuntimeError(f"watchers saw {ends}")
            ended = time.monotonic() - began
            for channel in channels:
                await channel.close()
            return all_open, held, ended, prober

        all_open, held, ended, prober = asyncio.run(run())
    return {
        "seconds until all watch": round(all_open, 2),
        "KB of the front process for each": round(held / 1024 / count, 1),
        "health p50, ms": round(prober.reported.p50 * 1000, 1),
        "health p99, ms": round(prober.reported.p99 * 1000, 1),
        "seconds from the worker's release to the last one's end": round(ended, 2),
    }


def table(
    found: dict[tuple[str, int], Line],
    alone: list[float],
    asked: list[float],
    watched: dict[str, float],
    given: argparse.Namespace,
) -> str:
    lines = [
        "# The service",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} vCPU shared with other work and with the callers (load "
        f"average {os.getloadavg()[0]:.0f} at the end), over a loopback socket; the median of {given.rounds} rounds "
        f"of {given.seconds:g} s each, taken by turns. A Predict ranks 2 candidates on {ROWS} rows in one worker, one "
        "at a time, so that latency grows with the callers and the rate does not. *Echo* is a bare `grpc.aio` server "
        "that answers with as many bytes; *GetServerInfo* passes the whole front process and no worker. *CPU* is "
        "processor time of the process that answers, for each call; of a Predict, of the front process + its worker.",
        "",
        "| callers | echo p50 / p99, ms | CPU, ms | GetServerInfo p50 / p99, ms | CPU, ms | Predict p50 / p99, ms | "
        "CPU, ms | Predicts a second |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for callers in CALLERS:
        shown = [found[name, callers] for name in ("echo", "info", "predict")]
        cells = " | ".join(f"{one.p50:.1f} / {one.p99:.1f} | {one.cpu:.2f}{_of_worker(one)}" for one in shown)
        lines.append(f"| {callers} | {cells} | {shown[-1].rate:.1f} |")
    lines += [
        "",
        f"One caller, the same ranking by turns in its own process and by Predict, {len(alone)} pairs: median "
        f"{median(alone):.1f} ms and {median(asked):.1f} ms, p99 {percentile(alone, 0.99):.0f} ms and "
        f"{percentile(asked, 0.99):.0f} ms; the median Predict takes {median(asked) / median(alone):.2f} of a direct "
        "call.",
        "",
        f"{given.watchers} open WatchRankingJob streams on one job:",
        "",
        "| what | |",
        "|---|---|",
        *(f"| {name} | {value:g} |" for name, value in watched.items()),
    ]
    return "\n".join([*lines, "", "Made by `python -m tests.benchmarks.service --write`.", ""])


def _of_worker(line: Line) -> str:
    return f" + {line.worker_cpu:.1f}" if line.worker_cpu else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--watchers", type=int, default=Size().watches)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.echo is not None:
        asyncio.run(echo(given.echo))
        return
    with tempfile.TemporaryDirectory(prefix="w2s-service-") as name:
        found = compare(Path(name) / "calls", given.seconds, given.rounds)
        text = table(*found, watchers(Path(name) / "watchers", given.watchers), given)
    print(text)
    if given.write:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
