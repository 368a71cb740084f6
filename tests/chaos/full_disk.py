"""A full disk: the server's folders lie on a tmpfs of a few megabytes, which other files fill while clients work.

Writes are refused with STORAGE_FULL, reads go on, and with room again everything goes on where it was. The mount lives
in a namespace of the server's own (`unshare -m`), so that nothing of it is left behind.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from client import PredictorClient
from predictor.errors import LimitError, W2SError
from predictor.query.query import RankingQuery
from tests.chaos.outcome import Outcome, command, everything
from tests.service.running import RunningServer, arrays, until

MEGABYTES = 12
ALLOWED = ("STORAGE_FULL",)
WAIT = 600.0
"""Seconds for jobs that many made; a machine that is busy takes its time."""


def can_mount() -> bool:
    """Whether this user may mount a tmpfs in a namespace of its own."""
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode == 0


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """Fill the disk `rounds` times, each time with a client that goes on."""
    if not can_mount():
        pytest.skip("no tmpfs can be mounted here: it needs unshare and the right to mount")
    room = folder / "room"
    room.mkdir(parents=True)
    mount = f'mount -t tmpfs -o size={MEGABYTES}m none "$0" && exec "$@"'
    before = ("unshare", "-m", "sh", "-c", mount, str(room))
    counts: Counter[str] = Counter()
    broken: list[str] = []
    # The log lies outside, as a log does that goes to the system's journal.
    with RunningServer(folder, before=before, inside="room") as running:
        running.predict_worker()
        running.job_worker()
        inside = Path(f"/proc/{running.process.pid}/root") / room.relative_to("/")
        with running.client(timeout=10) as client:
            for number in range(rounds):
                before_round = counts["jobs"]
                _round(client, inside, f"{number}", rng, counts, broken)
                final = everything(running, WAIT)
                ends = Counter(job.state for job in final.values())
                if set(ends) - {"SUCCEEDED"}:
                    broken.append(f"jobs ended as {dict(ends)}")
                if len(final) != counts["jobs"] - before_round:
                    broken.append(f"{len(final)} jobs, {counts['jobs'] - before_round} were acknowledged")
                for name in final:
                    client.delete(name)
        if running.events("internal_error"):
            broken.append("the server met faults of its own")
    return Outcome(counts["refused"], rounds * 2, counts["jobs"], rounds * 3, dict(counts), broken)


def _round(
    client: PredictorClient, room: Path, name: str, rng: random.Random, counts: Counter[str], broken: list[str]
) -> None:
    """Jobs and pushes with the disk filling up, then full, then with room again."""
    values = np.random.default_rng(rng.randrange(99)).normal(size=(500, 256)).astype(np.float32)
    query = arrays(rng.randrange(5), rows=200)
    client.features.push("kept", values)
    first = client.submit(query, f"{name}-before")
    client.wait(first, WAIT)
    late = client.submit(query, f"{name}-late")  # its result comes while there is no room
    counts["jobs"] += 2
    _fill(room, rng.randrange(0, 200_000))
    for what, act in (
        ("push", lambda: client.features.push("other", values)),
        ("submit", lambda: _until_refused(client, query, name, counts)),
    ):
        try:
            act()
            broken.append(f"{what} was taken by a full disk")
        except LimitError as error:
            counts["refused"] += 1
            if error.reason not in ALLOWED:
                broken.append(f"{what} answered {error.reason}")
        except W2SError as error:
            broken.append(f"{what} answered {error.reason}")
    try:
        if client.job(first).ranking is None or len(client.features.pull("kept").values) != len(values):
            broken.append("a read gave something else")
        list(client.jobs()), list(client.features.ls()), client.server_info(), client.predict(query)
        counts["reads"] += 6
    except W2SError as error:
        broken.append(f"a read on a full disk answered {error.reason}")
    (room / "ballast").unlink()
    again = until(lambda: _submitted(client, query, f"{name}-again"), WAIT)
    counts["jobs"] += 1
    for job in (late, again):
        if client.wait(job, WAIT).state != "SUCCEEDED":
            broken.append("a job did not outlive the full disk")
    client.features.push("other", values)
    for made in ("kept", "other"):
        client.features.remove(made)


def _until_refused(client: PredictorClient, query: RankingQuery, name: str, counts: Counter[str]) -> None:
    """Submit until the disk is full to the last page: small ones may find room for a while."""
    for number in range(200):
        client.submit(query, f"{name}-full-{number}")
        counts["jobs"] += 1


def _submitted(client: PredictorClient, query: RankingQuery, name: str) -> str | None:
    try:
        return client.submit(query, name)
    except LimitError:
        time.sleep(0.1)
        return None


def _fill(room: Path, leave: int) -> None:
    """Take all room but some bytes."""
    free = os.statvfs(room).f_bavail * os.statvfs(room).f_frsize
    with (room / "ballast").open("wb") as out, contextlib.suppress(OSError):  # the server was quicker to the last page
        out.write(bytes(max(0, free - leave)))


if __name__ == "__main__":
    command(run, 100)
