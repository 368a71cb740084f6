"""Parts: what it costs to get a large request across in parts, against one large message in the same run.

`python -m tests.benchmarks.parts [--rows 100000] [--rounds 5] [--write]` starts two servers on free ports, one that
takes the request in one message and one with the limits as they are, and has both check the same rows (Validate, so
that nothing is computed). `--write` puts the table into `parts.md` beside this file.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median, quantiles

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from protos import convert
from tests.service.running import RunningServer

LARGE = 256 << 20
WORDS = (
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "while",
    "somebody",
    "counted",
    "rows",
    "of",
    "one",
    "pool",
    "in",
    "parts",
)


def query(rows: int, seed: int) -> RankingQuery:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, 20)) for _ in range(rows)]
    values = rng.normal(size=(rows, 2)).astype(np.float32)
    specs = [ModelSpec(name, "array:", values=values) for name in ("strong", "weak")]
    return RankingQuery(specs[0], (specs[1],), Pool.of(texts))


@contextmanager
def asking(address: str):
    """Asks for health every 5 ms meanwhile; yields the seconds that answers took."""
    done, found = threading.Event(), []

    def ask() -> None:
        with grpc.insecure_channel(address) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            while not done.wait(0.005):
                began = time.monotonic()
                check(health_pb2.HealthCheckRequest(), timeout=30)
                found.append(time.monotonic() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    yield found
    done.set()
    thread.join()


def timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def peak(running: RunningServer) -> float:
    """Megabytes of resident memory at most so far."""
    lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    limits = ("--limit", f"max_message_bytes={LARGE}")
    names = ("one message", "parts, sent for the first time", "parts, there already")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    health: dict[str, list[float]] = {name: [] for name in names}
    with (
        RunningServer(folder / "a", *limits) as large,
        RunningServer(folder / "b") as small,
        large.client(max_message_bytes=LARGE) as whole,
        small.client() as parted,
    ):
        begun = {running: peak(running) for running in (large, small)}
        for number in range(given.rounds):
            asked = query(given.rows, number)
            for name, running, client in zip(names, (large, small, small), (whole, parted, parted), strict=True):
                with asking(running.address) as found:
                    seconds[name].append(timed(lambda client=client, asked=asked: client.validate(asked)))
                health[name] += found
        grown = {running: peak(running) - begun[running] for running in (large, small)}
    size = convert.query_to_proto(asked).ByteSize() / 1e6
    base = median(seconds[names[0]])
    rows = [
        f"| {name} | {median(seconds[name]):.2f} | {median(seconds[name]) / base:.2f} | "
        f"{1000 * quantiles(health[name], n=100)[98]:.0f} |"
        for name in names
    ]
    table = "\n".join(
        [
            f"`python -m tests.benchmarks.parts --rows {given.rows} --rounds {given.rounds}`, {os.cpu_count()} vCPU, "
            f"{date.today()}, load average {os.getloadavg()[0]:.1f}; {given.rows:,} rows of 20 words, {size:.0f} MB as "
            "one message; medians of interleaved rounds, from the query to the answer of Validate.",
            "",
            "| how | seconds | × one message | p99 of a health check meanwhile, ms |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Peak memory of the front process grew by {grown[large]:.0f} MB with one message and by "
            f"{grown[small]:.0f} MB with parts.",
        ]
    )
    print(table)
    if given.write:
        Path(__file__).with_suffix(".md").write_text(f"# Large requests, in one message and in parts\n\n{table}\n")


if __name__ == "__main__":
    main()
