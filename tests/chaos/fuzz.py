"""Fuzz: bytes that are nearly a request, through parsing and validation in this process and through every method of a
running server: declared codes only, no text of an exception, and memory that stays where it is."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import grpc
from google.protobuf.message import DecodeError

from predictor.errors import W2SError
from protos import convert
from server.config import Limits
from server.workforce.costs import check_query
from tests.chaos.outcome import Outcome, command
from tests.protos.samples import full_query
from tests.service.malformed import DECLARED, LEAKS, METHODS, ask, mutants, sound_bytes
from tests.service.running import RunningServer, limited, resident

CALLS_SHARE = 20
"""One in so many goes over a socket, where it costs that much more."""

GROWTH = 60 << 20
LIMITS = {
    "max_wait_seconds": 0.01, "heartbeat_seconds": 0.02, "tenant_calls_per_second": 0, "upload_idle_seconds": 1,
    "tenant_queued_jobs": 50,
}  # fmt: skip


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """`rounds` requests in this process, and a twentieth of that over a socket."""
    codes: Counter[str] = Counter()
    broken: list[str] = []
    _parsed(rounds, rng, codes, broken)
    with RunningServer(folder, *limited(**LIMITS)) as running:
        running.predict_worker()
        _called(running, rounds // CALLS_SHARE, rng, codes, broken)
        if running.events("internal_error"):
            broken.append("the server met faults of its own")
    refused = sum(count for name, count in codes.items() if not name.endswith((" read", " OK")))
    total = rounds + rounds // CALLS_SHARE
    return Outcome(refused, total // 10, codes.total(), total, dict(codes), broken)


def _parsed(rounds: int, rng: random.Random, codes: Counter[str], broken: list[str]) -> None:
    sound = convert.query_to_proto(full_query())
    kind, whole, limits = type(sound), sound.SerializeToString(), Limits()
    for number in range(rounds):
        try:
            check_query(convert.query_from_proto(kind.FromString(mutants(rng, whole))), limits)
            codes["here: read"] += 1
        except W2SError as error:
            codes[f"here: {error.code}"] += 1
            if error.code not in DECLARED:
                broken.append(f"request {number} gave {error.code}")
        except DecodeError:  # the interceptor names that one
            codes["here: INVALID_ARGUMENT"] += 1
        if number == rounds // 3:
            before = resident(os.getpid())
    if resident(os.getpid()) - before > GROWTH:
        broken.append(f"parsing took {(resident(os.getpid()) - before) >> 20} MB more at the end")


def _called(running: RunningServer, calls: int, rng: random.Random, codes: Counter[str], broken: list[str]) -> None:
    names = sorted(METHODS)
    whole = {name: sound_bytes(METHODS[name].input_type) for name in names}
    before = 0
    with grpc.insecure_channel(running.address) as channel:
        for number in range(calls):
            name = rng.choice(names)
            code, text = ask(channel, name, *(mutants(rng, whole[name]) for _ in range(rng.randrange(1, 3))))
            codes[f"called: {code}"] += 1
            if code not in DECLARED or any(leak in text for leak in LEAKS):
                broken.append(f"{name} answered {code}: {text}")
            if number == calls // 3:
                before = resident(running.process.pid)
    if resident(running.process.pid) - before > GROWTH:
        broken.append(f"the server took {(resident(running.process.pid) - before) >> 20} MB more at the end")


if __name__ == "__main__":
    command(run, 10_000_000)
