"""Upgrades under load: servers that share one PostgreSQL are replaced one after the other, by SIGTERM.

`python -m tests.chaos.rolling_upgrade [--rounds 20] [--seed 0]`: each round starts one server more, waits until it has
its worker, and stops the oldest one while clients go on. No job may be lost, end twice, or lose an attempt. Leases are
long, so that only a server that gave nothing back loses attempts, and not one that the machine kept waiting.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import psycopg

from tests.chaos.outcome import Outcome, command
from tests.chaos.queue_clients import RECORDERS, calling, ended, waiting
from tests.service.postgres import PostgresServer
from tests.service.running import RunningServer, limited, until

CLIENTS = 4
SERVERS = 2
MAX_PAUSE = 1.0


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """Replace `rounds` servers, then check every job that a client was told of."""
    database = PostgresServer()
    try:
        url = database.fresh("w2s")
        flags = ("--database", url, *limited(lease_seconds=30, drain_seconds=0.2))
        servers = [RunningServer(folder, *flags) for _ in range(SERVERS)]
        with psycopg.connect(url, autocommit=True) as direct:
            direct.execute(RECORDERS)
            return _replace(folder, servers, flags, rounds, rng, direct)
    finally:
        database.remove()


def _replace(
    folder: Path,
    servers: list[RunningServer],
    flags: tuple[str, ...],
    rounds: int,
    rng: random.Random,
    direct: psycopg.Connection,
) -> Outcome:
    codes, released = [], 0
    with calling(servers, CLIENTS, rng) as (reported, strange):
        for _ in range(rounds):
            fresh = RunningServer(folder, *flags)
            until(lambda fresh=fresh: fresh.events("worker_started"), 120)
            servers.append(fresh)
            time.sleep(rng.uniform(0, MAX_PAUSE))
            oldest = servers.pop(0)
            codes.append(oldest.terminate())
            released += len(oldest.events("job_released"))
    until(lambda: not waiting(direct), 120)
    for one in servers:
        one.kill()
    figures, broken = ended(reported, direct)
    attempts, losses = direct.execute("SELECT SUM(attempts), SUM(losses) FROM jobs").fetchone() or (0, 0)
    figures |= {"given back": released, "attempts": int(attempts), "lost attempts": int(losses)}
    broken += [f"a server ended with {code}" for code in codes if code]
    broken += [f"{losses} attempts were lost"] if losses else []
    return Outcome(len(codes), rounds, len(reported), max(1, rounds), figures, strange + broken)


if __name__ == "__main__":
    command(run, 20)
