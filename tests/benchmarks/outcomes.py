"""Outcomes: what keeping, listing and fitting thousands of measured outcomes costs, and what callers beside it notice.

`python -m tests.benchmarks.outcomes --before DIR [--count 20000] [--rounds 3] [--write]`. DIR holds an earlier state of
this repository (`git worktree add DIR COMMIT`); each round asks a fresh server of either by turns. `--write` puts the
table into `outcomes.md` beside this file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import grpc

from predictor.outcomes.outcome import Outcome
from protos import convert
from protos.w2s.v1 import calibration_pb2 as pb
from protos.w2s.v1 import calibration_pb2_grpc
from tests.calibration.simulated import outcomes
from tests.chaos.health import Prober, Reported
from tests.service.running import RunningServer

PAGE = 1000
CANDIDATES = 50
FEW = 30

ROWS = (
    "seconds to record them, 1,000 a call",
    "seconds of the last such call",
    "health p99 while recording, ms",
    "seconds to list them, 1,000 a page",
    "health p99 while listing, ms",
    "seconds of the first page after a restart",
    "seconds to fit a calibration on them",
    "health p50 while fitting, ms",
    "health p99 while fitting, ms",
    "slowest health while fitting, ms",
    "slowest GetCalibration while fitting, ms",
    f"seconds to fit one on {FEW}",
)


def timed(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@contextmanager
def asking(act: Callable[[], Any], times: list[float]) -> Iterator[None]:
    """Do something again and again beside the block."""
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.02):
            times.append(timed(act))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def pages(stub: Any) -> Iterator[Any]:
    request = pb.ListOutcomesRequest(page_size=PAGE)
    while True:
        page = stub.ListOutcomes(request, timeout=600)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def probed(address: str, act: Callable[[], Any]) -> tuple[float, Reported]:
    with Prober(address) as prober:
        seconds = timed(act)
    return seconds, prober.reported


def measure(tree: Path, folder: Path, made: list[Outcome]) -> list[float]:
    """One number a row, of a server of this tree."""
    batches = [
        pb.RecordOutcomesRequest(outcomes=[convert.outcome_to_proto(one) for one in made[start : start + PAGE]])
        for start in range(0, len(made), PAGE)
    ]
    few = pb.RecordOutcomesRequest(outcomes=[convert.outcome_to_proto(one) for one in outcomes(candidates=FEW // 6)])
    inside = ("env", "-C", str(tree))
    found: list[float] = []
    with (
        RunningServer(folder / "few", before=inside) as running,
        running.client() as client,
        grpc.insecure_channel(running.address) as channel,
    ):
        stub = calibration_pb2_grpc.CalibrationServiceStub(channel)
        stub.RecordOutcomes(few, timeout=60)
        client.calibrations.fit("few")
        fit_few = timed(lambda: client.calibrations.fit("few"))
    flags = (*("--limit", "max_predict_seconds=600"), *("--limit", f"tenant_outcomes={len(made)}"))
    with (
        RunningServer(folder / "many", *flags, before=inside) as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        running.predict_worker()
        stub = calibration_pb2_grpc.CalibrationServiceStub(channel)
        last = 0.0

        def record() -> None:
            nonlocal last
            for batch in batches:
                last = timed(lambda batch=batch: stub.RecordOutcomes(batch, timeout=600))  # type: ignore[misc]

        seconds, health = probed(running.address, record)
        found += [seconds, last, health.p99 * 1000]
        seconds, health = probed(running.address, lambda: [None for _ in pages(stub)])
        found += [seconds, health.p99 * 1000]
    with (
        RunningServer(folder / "many", *flags, before=inside) as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        running.predict_worker()
        stub = calibration_pb2_grpc.CalibrationServiceStub(channel)
        found.append(timed(lambda: next(pages(stub))))
        stub.FitCalibration(pb.FitCalibrationRequest(name="first"), timeout=600)
        beside: list[float] = []
        with asking(lambda: stub.GetCalibration(pb.GetCalibrationRequest(name="first"), timeout=600), beside):
            seconds, health = probed(
                running.address, lambda: stub.FitCalibration(pb.FitCalibrationRequest(name="second"), timeout=600)
            )
        found += [seconds, health.p50 * 1000, health.p99 * 1000, health.most * 1000, max(beside) * 1000]
    return [*found, fit_few]


def table(before: list[list[float]], now: list[list[float]], count: int, commit: str) -> str:
    load = os.getloadavg()[0]
    lines = [
        "# Outcomes on a server",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} vCPU shared with other work and with the callers (load "
        f"average {load:.0f} at the end): {count:,} outcomes of {count // CANDIDATES} tasks, the median of {len(now)} "
        f"rounds, in which servers of commit {commit} and of this one were asked by turns, each in a fresh folder. "
        "Health is asked every 20 ms from another process, GetCalibration from the one that fits.",
        "",
        "| what | before | now | before / now |",
        "|---|---|---|---|",
    ]
    for place, name in enumerate(ROWS):
        old, new = (median(one[place] for one in runs) for runs in (before, now))
        lines.append(f"| {name} | {shown(old)} | {shown(new)} | {old / new:.2g} |")
    return "\n".join([*lines, "", "Made by `python -m tests.benchmarks.outcomes --before DIR --write`.", ""])


def shown(value: float) -> str:
    """Three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--commit", default="")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    git = ("git", "-C", str(given.before), "rev-parse", "--short", "HEAD")
    commit = given.commit or subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    made = outcomes(tasks=given.count // CANDIDATES, candidates=CANDIDATES)
    before: list[list[float]] = []
    now: list[list[float]] = []
    with tempfile.TemporaryDirectory(prefix="w2s-outcomes-") as name:
        for number in range(given.rounds):
            for tree, runs in ((given.before.resolve(), before), (Path.cwd(), now)):
                runs.append(measure(tree, Path(name) / f"{number}-{len(before)}-{len(now)}", made))
                print(tree, [round(one, 3) for one in runs[-1]], flush=True)
    text = table(before, now, given.count, commit)
    print(text)
    if given.write:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
