"""Upgrades across schemas under load: the last server of each earlier schema of jobs gives way to today's.

`python -m tests.chaos.schema_upgrade [--rounds 6] [--seed 0]`: each round is one of `STEPS`. A server of the version
that wrote that schema, from the history of the repository, takes jobs of clients. Today's server follows on the same
jobs while the clients go on. Servers of schema 4 share PostgreSQL, so both are there for a while, as in a rolling
upgrade; others have their jobs for themselves and are stopped before. No job may be lost, no request may make two, and
every job that was not cancelled succeeds.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.outcome import Outcome, command, everything
from tests.chaos.queue_clients import calling
from tests.service.postgres import PostgresServer
from tests.service.running import RunningServer, limited, until

ROOT = Path(__file__).parents[2]
CLIENTS = 4
LAST_OF_SCHEMA = {1: "cc85d50^", 2: "923fba4^", 3: "0c491af^", 4: "a27cf48^"}
STEPS = (("sqlite", 1), ("sqlite", 2), ("sqlite", 3), ("sqlite", 4), ("postgres", 3), ("postgres", 4))
"""Stores and schemas; there was no PostgreSQL before schema 3."""

_PARTS = ("server", "predictor", "protos", "client")


@dataclass
class EarlierServer:
    """A server of an earlier version, from a tree of its own."""

    process: subprocess.Popen[str]
    address: str

    @classmethod
    def start(cls, tree: Path, folder: Path, *flags: str) -> EarlierServer:
        """Start it with state and cache where a RunningServer of that folder has them."""
        state = ("--state-dir", str(folder / "state"), "--address", "127.0.0.1:0")
        own = {"PYTHONPATH": str(tree), "W2S_CACHE_DIR": str(folder / "cache")}
        process = subprocess.Popen(
            [sys.executable, "-m", "server", *state, *flags],
            cwd=tree, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        return cls(process, process.stdout.readline().split()[-1])

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=60)


def known(commit: str) -> bool:
    """Whether the history of this checkout has a commit."""
    found = subprocess.run(["git", "cat-file", "-e", commit], cwd=ROOT, capture_output=True, check=False)
    return found.returncode == 0


def upgrade(folder: Path, store: str, schema: int, rng: random.Random) -> tuple[int, list[str]]:
    """Jobs that clients were told of across one upgrade, and what is broken."""
    tree = folder / "tree"
    tree.mkdir(parents=True)
    packed = subprocess.run(
        ["git", "archive", LAST_OF_SCHEMA[schema], *_PARTS], cwd=ROOT, capture_output=True, check=True
    )
    subprocess.run(["tar", "x", "-C", str(tree)], input=packed.stdout, check=True)
    database = PostgresServer() if store == "postgres" else None
    flags = ("--database", database.fresh("w2s")) if database else ()
    servers: list[RunningServer | EarlierServer] = [EarlierServer.start(tree, folder, *flags)]
    try:
        with calling(servers, CLIENTS, rng) as (reported, strange):
            until(lambda: len(reported) >= CLIENTS, 120)
            earlier, shared = servers[0], database is not None and schema >= 4
            code = None if shared else earlier.terminate()
            before = len(reported)
            fresh = RunningServer(folder, *flags, *limited(drain_seconds=0.2))
            servers.append(fresh)
            until(lambda: len(reported) >= before + CLIENTS * shared, 120)
            servers.remove(earlier)
            code = earlier.terminate() if code is None else code
            before = len(reported)
            until(lambda: len(reported) >= before + CLIENTS, 120)
        jobs = everything(fresh)
        broken = [f"{request} is lost" for request, name in reported.items() if name not in jobs]
        broken += [
            f"{one.request_id} is {one.state} {'' if one.error is None else one.error.reason}"
            for one in jobs.values()
            if one.state not in ("SUCCEEDED", "CANCELLED")
        ]
        broken += [f"the earlier server ended with {code}"] if code else []
        return len(reported), [f"{store} {schema}: {text}" for text in strange + broken]
    finally:
        for one in servers:
            with suppress(ProcessLookupError):
                one.process.kill()
        if database is not None:
            database.remove()


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """Go through the steps, from the first one again after the last."""
    jobs, problems = 0, []
    for number in range(rounds):
        store, schema = STEPS[number % len(STEPS)]
        told, broken = upgrade(folder / f"{number}", store, schema, rng)
        jobs, problems = jobs + told, problems + broken
    return Outcome(rounds, rounds, jobs, 4 * rounds, {}, problems)


if __name__ == "__main__":
    command(run, len(STEPS))
