"""SIGKILL and SIGSTOP to the worker in every phase of a job: it is replaced, and the job ends with its answer."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
from collections import Counter
from pathlib import Path

from client import PredictorClient
from tests.chaos.outcome import Outcome, command
from tests.service.model import ROWS, reading, write_model
from tests.service.running import RunningServer, alive, arrays

PHASES = ("idle", "taken", "load", "extract", "label", "estimate")
SIGNALS = (signal.SIGKILL, signal.SIGSTOP)
SILENCE = 1.5
MAX_TRIES = 4
"""Tries a fault: one that comes after the job has ended, or in another phase, does not count."""


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """Hit the worker `rounds` times, in each phase with each signal in turn."""
    limits = ("--limit", f"worker_silence_seconds={SILENCE}", "--limit", "worker_jobs=1000000")
    hits: Counter[str] = Counter()
    broken: list[str] = []
    tries = jobs = 0
    model = write_model(folder / "model")
    with RunningServer(folder, *limits) as running, running.client() as client:
        worker = running.job_worker()
        faults = [(phase, number) for phase in PHASES for number in SIGNALS]
        first = rng.randrange(len(faults))
        plan = itertools.cycle(faults[first:] + faults[:first])
        phase, number = next(plan)
        while hits.total() < rounds and tries < rounds * MAX_TRIES:
            tries += 1
            jobs += 1
            job, struck = _one(client, phase, number, worker, model, rng)
            if job.state != "SUCCEEDED":
                broken.append(f"{phase} {number.name}: the job became {job.state}")
            if not struck:
                continue
            # A job may be given to a worker that has just died, or after its death was noticed.
            if job.attempts not in ((1, 2) if (phase, number) == ("idle", signal.SIGKILL) else (2,)):
                broken.append(f"{phase} {number.name}: {job.attempts} attempts")
            worker_before, worker = worker, running.next_job_worker(worker)
            if alive(worker_before):
                broken.append(f"{phase} {number.name}: worker {worker_before} lives on")
            hits[f"{phase} {number.name}"] += 1
            phase, number = next(plan)
    return Outcome(hits.total(), rounds, jobs, rounds, {"tries": tries, **dict(hits)}, broken)


def _one(  # type: ignore[no-untyped-def]
    client: PredictorClient, phase: str, number: signal.Signals, worker: int, model: str, rng: random.Random
):
    """One job with one fault: the job at its end, and whether the fault met it in the phase."""
    if phase in ("extract", "label"):
        query = reading(model, model, rng, "logits" if phase == "label" else None)
        after = rng.randrange(ROWS * 2 // 3)
    else:
        query, after = arrays(rng.randrange(5), rows=60 if phase in ("idle", "taken") else 400), 0
    struck = phase == "idle"
    if struck:
        os.kill(worker, number)
    name = client.submit(query)
    for seen in client.watch(name):
        at, done = (seen.progress.phase, seen.progress.done) if seen.progress else ("taken", 0)
        if not struck and seen.state == "RUNNING" and (at, seen.attempts) == (phase, 1) and done >= after:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, number)
            struck = True
        if seen.finished:
            return seen, struck and (seen.attempts > 1 or phase == "idle")
    raise AssertionError("the watch ended before the job")


if __name__ == "__main__":
    command(run, 500)
