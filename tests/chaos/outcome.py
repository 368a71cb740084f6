"""Outcome: what a chaos run reached, printed and checked."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from predictor.errors import UnavailableError
from predictor.results.job import Job
from tests.service.running import RunningServer


@dataclass
class Outcome:
    """One run.

    Attributes:
        faults: faults injected, and how many were meant to be.
        load: what clients did meanwhile, and the least that makes the run worth anything.
        figures: anything else that was counted.
        broken: promises that did not hold.
    """

    faults: int
    meant: int
    load: int
    least: int
    figures: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Everything wrong, a run that did too little included."""
        short = [f"{self.faults} faults of {self.meant}"] if self.faults < self.meant else []
        return self.broken + short + ([f"load of {self.load}, not {self.least}"] if self.load < self.least else [])


def everything(running: RunningServer, seconds: float = 120.0) -> dict[str, Job]:
    """Every job by id, once all have ended or none has for `seconds`: a busy machine takes long over a long queue."""
    ended, moved = -1, time.monotonic()
    with running.client() as client:
        while True:
            try:
                found = {job.id: job for job in client.jobs()}
            except UnavailableError:  # connections of this process wait together after a refusal, for seconds
                if time.monotonic() - moved > seconds:
                    raise
                continue
            before, ended = ended, sum(job.finished for job in found.values())
            if ended > before:
                moved = time.monotonic()
            if ended == len(found) or time.monotonic() - moved > seconds:
                return found
            time.sleep(0.1)


def command(run: Callable[[Path, int, random.Random], Outcome], rounds: int) -> None:
    """Run from the command line: `--rounds N --seed S`; exit code 1 where a promise broke or the run did too little."""
    parser = argparse.ArgumentParser(description=run.__doc__)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began, folder = time.monotonic(), Path(tempfile.mkdtemp())
    outcome = run(folder, given.rounds, random.Random(given.seed))
    figures = {"faults": outcome.faults, "load": outcome.load, **outcome.figures}
    spent, busy = time.monotonic() - began, os.getloadavg()[1]
    print(f"rounds {given.rounds}, seed {given.seed}, {spent:.0f} s, load average {busy:.0f}: {figures}")
    for wrong in outcome.problems():
        print(f"BROKEN: {wrong}")
    if outcome.problems():
        print(f"what the servers left and logged is kept in {folder}")
        sys.exit(1)
    shutil.rmtree(folder)
