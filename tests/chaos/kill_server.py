"""SIGKILL to the server at random while clients submit, repeat, look, cancel and watch."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path

from client import PredictorClient
from predictor.errors import CancelledError, ConflictError, DeadlineError, UnavailableError, W2SError
from tests.chaos.history import REPLAYED, History
from tests.chaos.outcome import Outcome, command, everything
from tests.service.running import RunningServer, arrays, limited

CLIENTS = 4
LONGEST_LIFE = 2.5
"""Seconds that a server gets at most before it is killed; the first ones pass before its worker is ready."""

UNBOUNDED_LOSSES = limited(max_losses=1000)
"""Kills at random must not use up the attempts of a job: each one that was running counts as lost."""

_GONE = (UnavailableError, DeadlineError, CancelledError)


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """Kill and start the server `rounds` times, then check what four clients saw."""
    history, stop = History(), threading.Event()
    running = RunningServer(folder, *UNBOUNDED_LOSSES)
    address = running.address
    strange: list[str] = []
    clients = [
        threading.Thread(target=_use, args=(address, f"c{number}", random.Random(rng.random()), history, stop, strange))
        for number in range(CLIENTS)
    ]
    for one in clients:
        one.start()
    kills = interrupted = 0
    try:
        while kills < rounds:
            time.sleep(rng.uniform(0, LONGEST_LIFE))
            running.kill()
            kills += 1
            running = RunningServer(folder, *UNBOUNDED_LOSSES, address=address)
            interrupted += bool(running.events("started")[0]["requeued"])
    finally:
        stop.set()
        for one in clients:
            one.join(60)
    final = everything(running)
    with running.client() as client:
        for name in final:
            history.see(time.monotonic(), client.job(name))
    running.kill()
    ends = Counter(job.state for job in final.values())
    figures = {"jobs": len(final), **ends, "starts that found a running job": interrupted}
    failed = [f"{ends[state]} jobs became {state}" for state in ("FAILED", "PARTIAL") if ends[state]]
    broken = strange + failed + history.faults(final)
    return Outcome(kills, rounds, len(history.acknowledged()), CLIENTS * max(1, rounds // 8), figures, broken)


def _use(
    address: str, name: str, rng: random.Random, history: History, stop: threading.Event, strange: list[str]
) -> None:
    number = 0
    with PredictorClient(address, timeout=5, reconnect_seconds=1) as client:
        while not stop.is_set():
            number += 1
            try:
                _live(client, f"{name}-{number}", number % 5, rng, history, stop)
            except _GONE:
                time.sleep(0.05)
            except W2SError as error:
                strange.append(f"{name}: {error.code} {error.reason}: {error.message}")


def _live(
    client: PredictorClient, request_id: str, seed: int, rng: random.Random, history: History, stop: threading.Event
) -> None:
    """One job from creation to its end, as far as the server lets us."""
    history.ask(request_id)
    job, query = None, arrays(seed, rows=rng.choice((60, 600)))
    while job is None and not stop.is_set():
        try:
            job = client.submit(query, request_id)
            if rng.random() < 0.2 and client.submit(query, request_id) != job:
                raise ConflictError(f"{request_id} made two jobs.", reason="TWO_JOBS")
        except _GONE:
            time.sleep(0.05)
    if job is None:
        return
    _look(client, job, history)
    if rng.random() < 0.15:
        began = time.monotonic()
        history.see(began, client.cancel(job), cancel=True)
    revision = 0
    for seen in client.watch(job):
        history.see(REPLAYED, seen)
        if seen.revision <= revision:
            raise ConflictError(f"a watch went from revision {revision} to {seen.revision}.", reason="WENT_BACK")
        revision = seen.revision
    _look(client, job, history)


def _look(client: PredictorClient, job: str, history: History) -> None:
    began = time.monotonic()
    history.see(began, client.job(job))


if __name__ == "__main__":
    command(run, 2000)
