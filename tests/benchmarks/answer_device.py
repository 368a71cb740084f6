"""Answers with training simulated by torch, against the same answers by numpy: time, and how far the numbers are apart.

    python -m tests.benchmarks.answer_device [--device cpu] [--small] [-o tests/benchmarks/answer_device.md]

The questions are those of `tests.benchmarks.answer`: `predictor.predict` over arrays, both ways in one process and by
turns, after one small answer each for what is loaded once. Seconds are CPU seconds of the process on the CPU, on one
thread, and wall seconds on a GPU; medians. Apart is the largest difference of any number of an answer, as a share of
that number: errors, gains, intervals, the null, and every estimate. Memory is the most that torch held on the GPU.
`python -m tests.benchmarks.gpu` has this table for a GPU.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

import predictor
from predictor.results.ranking import Ranking
from tests.benchmarks.answer import KINDS, arrays, evidence

COLUMNS = (
    "| candidates × rows, evidence | numpy, s | {device}, s | × faster | apart | memory |",
    "|---|---:|---:|---:|---:|---:|",
)
FULL = (*((20, 1000, kind) for kind in KINDS), (50, 2000, "nothing"))
SMALL = tuple((3, 120, kind) for kind in KINDS)
ROUNDS = 3


def numbers(value: object) -> Iterator[float]:
    """Every number of an answer in its own order; times are none of it."""
    if isinstance(value, dict):
        for name in sorted(value.keys() - {"timings"}):
            yield from numbers(value[name])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def apart(one: Ranking, other: Ranking) -> float:
    """The largest difference of two answers to one question, as a share of the number."""
    pairs = zip(numbers(one.to_dict()), numbers(other.to_dict()), strict=True)
    return max((abs(a - b) / max(abs(a), abs(b)) for a, b in pairs if a != b), default=0.0)


def table(device: str, *, small: bool, rounds: int = ROUNDS, deadline: float = float("inf")) -> list[str]:
    """The rows of all questions that time allows, and a line that names the others.

    Args:
        deadline: by `time.monotonic`; no question is begun after it.
    """
    clock = time.process_time if device == "cpu" else time.perf_counter
    lines, left = [line.format(device=device) for line in COLUMNS], []
    for candidates, rows, kind in SMALL if small else FULL:
        name = f"{candidates} × {rows:,}, {kind}"
        if time.monotonic() > deadline:
            left.append(name)
            continue
        strong, weak, classes = arrays(candidates, rows)
        given: dict[str, Any] = evidence(KINDS[kind], weak, classes)
        spent: dict[str, list[float]] = {"numpy": [], device: []}
        answers: dict[str, Ranking] = {}
        for side in spent:
            predictor.predict(strong=strong[:60], weak={"w": weak["w0"][:60]}, answer_device=side)
        for _ in range(rounds):
            for side, seconds in spent.items():
                if device != "cpu":
                    torch.cuda.reset_peak_memory_stats()
                begun = clock()
                answers[side] = predictor.predict(strong=strong, weak=weak, answer_device=side, **given)
                seconds.append(clock() - begun)
        memory = "–" if device == "cpu" else f"{torch.cuda.max_memory_allocated() / 1e6:.0f} MB"
        host, other = (statistics.median(seconds) for seconds in spent.values())
        distance = apart(*answers.values())
        lines.append(f"| {name} | {host:.2f} | {other:.2f} | {host / other:.2f} | {distance:.0e} | {memory} |")
        print(lines[-1], flush=True)
    return [*lines, *(["", f"Not run, out of time: {', '.join(left)}."] if left else [])]


def heading(device: str, rounds: int) -> list[str]:
    """What the page says above its table."""
    where = platform.machine() if device == "cpu" else torch.cuda.get_device_name()
    clock = "CPU seconds on one thread" if device == "cpu" else "wall seconds"
    return [
        "# Answers with training simulated by torch",
        "",
        f"{datetime.now(UTC):%Y-%m-%d} · {where} · numpy {np.__version__}, torch {torch.__version__} · medians of "
        f"{rounds} rounds by turns, {clock}. Apart is the largest difference of any number of an answer, as a share of "
        "that number. Made by `python -m tests.benchmarks.answer_device`.",
        "",
    ]


def main() -> None:
    """Measure, and write the table where told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--small", action="store_true", help="few candidates and rows")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    lines = table(given.device, small=given.small, rounds=given.rounds)
    if given.output:
        given.output.write_text("\n".join([*heading(given.device, given.rounds), *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
