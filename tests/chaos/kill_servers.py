"""SIGKILL at random to servers that share one PostgreSQL, while clients use whichever of them lives.

`python -m tests.chaos.kill_servers [--rounds 500] [--seed 0]`: half of the rounds on two servers, half on three. A
trigger of the database counts how often each job ended, so that a repeated result is seen even where both agree.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from client import PredictorClient
from predictor.errors import CancelledError, DeadlineError, UnavailableError, W2SError
from tests.chaos.open_loop import percentile
from tests.chaos.outcome import Outcome, command
from tests.service.postgres import PostgresServer
from tests.service.running import RunningServer, arrays, limited, until

CLIENTS = 8
LEASE_SECONDS = 2.0
MAX_PAUSE = 3.0
"""Seconds between a start and the next kill, at most; a worker takes some of them to get ready."""

_GONE = (UnavailableError, DeadlineError, CancelledError)
_COUNT_ENDS = """
CREATE TABLE ends (id TEXT, state TEXT, result BYTEA);
CREATE FUNCTION count_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO ends VALUES (NEW.id, NEW.state, NEW.ranking); RETURN NEW; END $$;
CREATE TRIGGER count_end AFTER UPDATE ON jobs FOR EACH ROW
  WHEN (NEW.state IN ('SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')) EXECUTE FUNCTION count_end();
"""


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """Kill `rounds` servers in all, then check every job that a client was told of."""
    parts = [_run(folder / f"of-{size}", size, count, rng) for size, count in _sizes(rounds)]
    figures: dict[str, Any] = {}
    for (size, _), part in zip(_sizes(rounds), parts, strict=True):
        figures |= {f"{size} servers: {name}": value for name, value in part.figures.items()}
    faults = [fault for part in parts for fault in part.broken]
    kills, work = sum(part.faults for part in parts), sum(part.load for part in parts)
    return Outcome(kills, rounds, work, max(1, rounds // 4), figures, faults)


def _sizes(rounds: int) -> list[tuple[int, int]]:
    return [(2, rounds - rounds // 2), (3, rounds // 2)] if rounds > 1 else [(2, rounds)]


def _run(folder: Path, size: int, rounds: int, rng: random.Random) -> Outcome:
    database = PostgresServer()
    try:
        url = database.fresh("w2s")
        flags = ("--database", url, *limited(max_losses=1000, lease_seconds=LEASE_SECONDS))
        servers = [RunningServer(folder, *flags) for _ in range(size)]
        with psycopg.connect(url, autocommit=True) as direct:
            direct.execute(_COUNT_ENDS)
            return _kill(folder, servers, flags, rounds, rng, direct)
    finally:
        database.remove()


def _kill(
    folder: Path, servers: list[RunningServer], flags: tuple[str, ...], rounds: int, rng: random.Random, direct: Any
) -> Outcome:
    stop, reported, strange, takeovers = threading.Event(), {}, [], []
    clients = [
        threading.Thread(
            target=_use, args=(servers, f"c{number}", random.Random(rng.random()), stop, reported, strange)
        )
        for number in range(CLIENTS)
    ]
    for one in clients:
        one.start()
    try:
        for _ in range(rounds):
            time.sleep(rng.uniform(0.2, MAX_PAUSE))
            place = rng.randrange(len(servers))
            dead = until(lambda place=place: servers[place].events("started"))[0]["server"]
            servers[place].kill()
            killed = time.monotonic()
            held = "SELECT id FROM jobs WHERE owner = %s AND state IN ('RUNNING', 'CANCELLING')"
            waiting = {row[0] for row in direct.execute(held, (dead,))}
            servers[place] = RunningServer(folder, *flags)
            while waiting:
                left = {row[0] for row in direct.execute(held, (dead,))}
                takeovers += [time.monotonic() - killed] * len(waiting - left)
                waiting &= left
                time.sleep(0.01)
    finally:
        stop.set()
        for one in clients:
            one.join(120)
    open_ = "SELECT COUNT(*) FROM jobs WHERE state IN ('QUEUED', 'RUNNING', 'CANCELLING')"
    until(lambda: direct.execute(open_).fetchone()[0] == 0, 120)
    for one in servers:
        one.kill()
    return _judge(rounds, reported, strange, takeovers, direct)


def _judge(rounds: int, reported: dict[str, str], strange: list[str], takeovers: list[float], direct: Any) -> Outcome:
    states = dict(direct.execute("SELECT id, state FROM jobs").fetchall())
    ends = Counter(row[0] for row in direct.execute("SELECT id FROM ends"))
    lost = [name for name in reported.values() if states.get(name) not in ("SUCCEEDED", "CANCELLED")]
    repeated = [name for name, count in ends.items() if count != 1]
    figures = {
        "jobs": len(states),
        **Counter(states.values()),
        "lost": len(lost),
        "ended more than once": len(repeated),
        "jobs taken over": len(takeovers),
        "takeover p50, s": round(percentile(takeovers, 0.5), 2) if takeovers else None,
        "takeover p99, s": round(percentile(takeovers, 0.99), 2) if takeovers else None,
    }
    broken = strange + [f"{name} is lost" for name in lost] + [f"{name} ended {ends[name]} times" for name in repeated]
    return Outcome(rounds, rounds, len(reported), max(1, rounds // 4), figures, broken)


def _use(
    servers: list[RunningServer],
    name: str,
    rng: random.Random,
    stop: threading.Event,
    reported: dict[str, str],
    strange: list[str],
) -> None:
    """Submit at one server, ask for the same again at another, and wait at a third, as behind a load balancer."""
    number = 0
    while not stop.is_set():
        number += 1
        request_id, query = f"{name}-{number}", arrays(number % 5, rows=rng.choice((60, 600, 2000)))
        made: set[str] = set()
        while not stop.is_set():
            with suppress(*_GONE), PredictorClient(rng.choice(servers).address, timeout=5, reconnect_seconds=1) as one:
                try:
                    made.add(one.submit(query, request_id))
                    reported[request_id] = next(iter(made))
                    if rng.random() < 0.1:
                        one.cancel(reported[request_id])
                    if one.wait(reported[request_id]).finished:
                        break
                except W2SError as error:
                    if not isinstance(error, _GONE):
                        strange.append(f"{name}: {error.code} {error.reason}: {error.message}")
                        break
                    raise
            time.sleep(0.05)
        if len(made) > 1:
            strange.append(f"{request_id} made {len(made)} jobs")


if __name__ == "__main__":
    command(run, 500)
