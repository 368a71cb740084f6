"""SIGKILL at random to servers that share one PostgreSQL, while clients use whichever of them lives.

`python -m tests.chaos.kill_servers [--rounds 500] [--seed 0]` goes on until `kill_servers.csv` beside this file has
that many kills: a row for each batch, so that it may be stopped at any time, on two servers and on three in turn. The
server that is killed is at a job wherever one is, and another one has its worker. Triggers of the database record how
often each job ended, and every sign of life of a job's server, by the clock of this machine.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.open_loop import percentile
from tests.chaos.outcome import Outcome
from tests.chaos.queue_clients import RECORDERS, calling, ended, waiting
from tests.service.postgres import PostgresServer
from tests.service.running import RunningServer, limited, until

CLIENTS = 3
BATCH = 10
LEASE_SECONDS = 1.0
MAX_PAUSE = 1.0
"""Seconds from the moment at which a server may be killed to its kill, at most."""

RECORD = Path(__file__).with_suffix(".csv")


def run(folder: Path, rounds: int, rng: random.Random, size: int = 2) -> Outcome:
    """Kill `rounds` of `size` servers, then check every job that a client was told of."""
    database = PostgresServer()
    try:
        url = database.fresh("w2s")
        flags = ("--database", url, *limited(max_losses=1000, lease_seconds=LEASE_SECONDS))
        servers = [RunningServer(folder, *flags) for _ in range(size)]
        with psycopg.connect(url, autocommit=True) as direct:
            direct.execute(RECORDERS)
            return _kill(folder, servers, flags, rounds, rng, direct)
    finally:
        database.remove()


def _kill(
    folder: Path, servers: list[RunningServer], flags: tuple[str, ...], rounds: int, rng: random.Random, direct: Any
) -> Outcome:
    killed: dict[str, float] = {}
    with calling(servers, CLIENTS, rng) as (reported, strange):
        for _ in range(rounds):
            until(lambda: sum(bool(one.events("worker_started")) for one in servers) > 1, 120)
            time.sleep(rng.uniform(0, MAX_PAUSE))
            places = {_name(one): place for place, one in enumerate(servers)}
            name = rng.choice(_at_work(direct, list(places)) or list(places))
            place = places[name]
            killed[name] = time.time()
            servers[place].kill()
            servers[place] = RunningServer(folder, *flags)
    until(lambda: not waiting(direct), 120)
    for one in servers:
        one.kill()
    return _judge(rounds, reported, strange, killed, direct)


def _name(server: RunningServer) -> str:
    return str(until(lambda: server.events("started"))[0]["server"])


def _at_work(direct: Any, names: list[str], seconds: float = 5.0) -> list[str]:
    """Those of the servers that are at a job, as soon as there are any."""
    running = "SELECT DISTINCT owner FROM jobs WHERE state = 'RUNNING' AND owner = ANY(%s)"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = direct.execute(running, (names,)).fetchall()
        if found:
            return [row[0] for row in found]
        time.sleep(0.01)
    return []


def _judge(rounds: int, reported: dict[str, str], strange: list[str], killed: dict[str, float], direct: Any) -> Outcome:
    figures, broken = ended(reported, direct)
    signs = direct.execute("SELECT id, owner, state, at FROM signs ORDER BY seq").fetchall()
    waits = list(_takeovers(signs, killed))
    figures |= {
        "waiting_again": " ".join(f"{again:.3f}" for again, _ in waits),
        "taken_over": " ".join(f"{taken:.3f}" for _, taken in waits),
    }
    return Outcome(rounds, rounds, len(reported), max(1, rounds // 4), figures, strange + broken)


def _takeovers(signs: list[tuple[str, str, str, float]], killed: dict[str, float]) -> Iterator[tuple[float, float]]:
    """Of each job that ran at a kill: seconds from there until it waits again, and to its new owner's first heartbeat.

    The first heartbeat of an owner is the lease that it writes with its claim.
    """
    last: dict[str, tuple[str, str]] = {}
    orphans: dict[str, tuple[str, float]] = {}
    for job, owner, state, at in signs:
        dead, before = last.get(job, ("", ""))
        if dead in killed and before == "RUNNING" and state == "QUEUED":
            orphans[job] = dead, at - killed[dead]
        elif job in orphans and state == "RUNNING":
            dead, again = orphans.pop(job)
            yield again, at - killed[dead]
        last[job] = owner, state


def _batch(number: int, seed: int) -> dict[str, Any]:
    """One row of the record; what broke is printed, and stays in its folder."""
    size, began = 2 + number % 2, time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="w2s-kills-"))
    outcome = run(folder, BATCH, random.Random(seed + number), size)
    for wrong in outcome.problems():
        print(f"BROKEN: {wrong}; what the servers left is kept in {folder}", flush=True)
    if not outcome.problems():
        shutil.rmtree(folder)
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "revision": revision.stdout.strip(),
        "servers": size,
        "seed": seed + number,
        "kills": outcome.faults,
        "seconds": round(time.monotonic() - began),
        "load_average": round(os.getloadavg()[1], 1),
        "broken": len(outcome.problems()),
        **{name.lower(): value for name, value in outcome.figures.items()},
    }


_COLUMNS = (
    *("date", "revision", "servers", "seed", "kills", "seconds", "load_average", "jobs", "succeeded", "cancelled"),
    *("lost", "repeated", "broken", "waiting_again", "taken_over"),
)


def recorded() -> list[dict[str, str]]:
    """The rows of the record."""
    if not RECORD.exists():
        return []
    with RECORD.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def summary(rows: list[dict[str, str]]) -> str:
    """What all rows say together, as a table with a row for each number of servers."""
    lines = [
        "| servers | kills | jobs | lost | repeated | taken over | waits again, p50 / p99 s | new owner, p50 / p99 s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size in sorted({row["servers"] for row in rows}):
        some = [row for row in rows if row["servers"] == size]
        kills, jobs, lost, repeated = (
            sum(int(row[name]) for row in some) for name in ("kills", "jobs", "lost", "repeated")
        )
        again, taken = _after_the_kill(some)
        spans = (f"{percentile(one, 0.5):.2f} / {percentile(one, 0.99):.2f}" if one else "" for one in (again, taken))
        lines.append(f"| {size} | {kills} | {jobs} | {lost} | {repeated} | {len(taken)} | {' | '.join(spans)} |")
    return "\n".join(lines)


def _after_the_kill(rows: list[dict[str, str]]) -> tuple[list[float], list[float]]:
    """Takeovers from dead servers. Those before the kill are of servers so starved that they lost their lease alive."""
    pairs = [
        (float(again), float(taken))
        for row in rows
        for again, taken in zip(row["waiting_again"].split(), row["taken_over"].split(), strict=True)
    ]
    return [again for again, _ in pairs if again >= 0], [taken for again, taken in pairs if again >= 0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500, help="kills that the record is to have")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = recorded()
    while sum(int(row["kills"]) for row in rows) < given.rounds:
        row = _batch(len(rows), given.seed)
        with RECORD.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, _COLUMNS, restval=0, extrasaction="ignore", lineterminator="\n")
            if not rows:
                writer.writeheader()
            writer.writerow(row)
        rows = recorded()
    print(summary(rows))
    return int(any(int(row["broken"]) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
