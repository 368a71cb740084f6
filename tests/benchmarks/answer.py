"""What an answer costs after the features are there, against one thin SVD of every array.

Usage: python -m tests.benchmarks.answer [--only TEXT] [-o tests/benchmarks/answer.md]

Each question runs in a process of its own: `predictor.predict` over arrays, imports included. CPU time is
that of the process, memory its peak. The thin SVDs run in the same process before and after, on the same standardised
arrays; the ratio is to their mean, so that a machine that is busy slows down both sides of it. Descriptions are a score
of every row, as a describer gives it.

The last two columns are of a run on two threads, candidates shared over threads: wall time on one over that on two,
which means something on a free machine only; and what two free cores allow, t / (s + (t − s) / 2), from t, the CPU time
of the process, and s, that of the thread that does all that is not shared.
"""

from __future__ import annotations

import argparse
import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

DIMENSIONS = (128, 256, 384, 512, 768)
STRONG = 768
KINDS = {"nothing": "", "gold labels of a third": "gold", "weak labels": "weak", "descriptions": "described"}
SIZES = {"20 × 1,000": (20, 1000), "40 × 1,000": (40, 1000), "20 × 2,000": (20, 2000), "50 × 2,000": (50, 2000)}
GROWTH = ("40 × 1,000", "20 × 2,000")
"""Sizes that show growth, asked without evidence only."""

QUESTIONS = {
    f"{size}, {kind}": (*SIZES[size], KINDS[kind])
    for size in SIZES
    for kind in KINDS
    if size not in GROWTH or kind == "nothing"
}


def arrays(candidates: int, rows: int, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """A strong model, candidates that see it through more and more noise, and (rows,) classes that it can tell."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((rows, 60))
    strong = shared @ rng.standard_normal((60, STRONG)) + 0.5 * rng.standard_normal((rows, STRONG))
    weak = {}
    for place in range(candidates):
        width = DIMENSIONS[place % len(DIMENSIONS)]
        seen = shared @ rng.standard_normal((60, width)) / 8.0
        noise = 0.3 + 2.0 * place / candidates
        weak[f"w{place}"] = (seen + noise * rng.standard_normal((rows, width))).astype(np.float32)
    score = shared @ rng.standard_normal(60)
    classes = (score + score.std() * rng.standard_normal(rows) > 0).astype(float)
    return strong.astype(np.float32), weak, classes


def evidence(kind: str, weak: dict[str, np.ndarray], classes: np.ndarray) -> dict[str, Any]:
    """Keywords of `predictor.predict` beside the models."""
    rng = np.random.default_rng(1)
    if kind == "gold":
        return {"labels": np.where(rng.random(len(classes)) < 1 / 3, classes, np.nan)}
    if kind == "weak":
        flips = {name: rng.random(len(classes)) < 0.15 + 0.3 * i / len(weak) for i, name in enumerate(weak)}
        return {
            "weak_labels": {
                name: np.where(flip, 0.7 - 0.4 * classes, 0.3 + 0.4 * classes) for name, flip in flips.items()
            }
        }
    if kind == "described":
        return {"proxies": {"score": classes + rng.standard_normal(len(classes))}}
    return {}


def measure(candidates: int, rows: int, kind: str) -> dict[str, float]:
    """CPU seconds of the SVDs, of the answer and of its main thread, its wall seconds, and peak memory in MB."""
    import resource

    strong, weak, classes = arrays(candidates, rows)
    before = factored(strong, *weak.values())
    begun, alone, clock = time.process_time(), time.thread_time(), time.perf_counter()
    import predictor

    predictor.predict(strong=strong, weak=weak, seed=0, **evidence(kind, weak, classes))
    cpu, alone, wall = time.process_time() - begun, time.thread_time() - alone, time.perf_counter() - clock
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    svd = (before + factored(strong, *weak.values())) / 2.0
    return {"svd": svd, "cpu": cpu, "alone": alone, "wall": wall, "memory": memory}


def factored(*features: np.ndarray) -> float:
    """CPU seconds of a thin SVD of each, standardised."""
    begun = time.process_time()
    for one in features:
        np.linalg.svd((one - one.mean(axis=0)) / one.std(axis=0), full_matrices=False)
    return time.process_time() - begun


@functools.cache
def compiled() -> str:
    """A folder with the bytecode of the package, as an installed one has it."""
    folder = tempfile.mkdtemp()
    environment = os.environ | {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([sys.executable, "-c", "import predictor; predictor.predict"], env=environment, check=True)
    atexit.register(shutil.rmtree, folder)
    return folder


def asked(name: str, threads: int) -> dict[str, float]:
    """`measure` in a process of its own, with this many threads for candidates and one for BLAS."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": str(threads)}
    environment |= {"PYTHONPYCACHEPREFIX": compiled(), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.answer", "--one", name],
        env=environment,
        capture_output=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Ask every question, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="questions whose name holds this text")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(*QUESTIONS[given.one])))
        return
    lines = [
        "| candidates × rows, evidence | CPU-s | × thin SVDs | peak MB | two threads, wall | two free cores |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in (name for name in QUESTIONS if given.only in name):
        one, two = asked(name, 1), asked(name, 2)
        ratio, faster = one["cpu"] / one["svd"], one["wall"] / two["wall"]
        allowed = two["cpu"] / ((two["cpu"] + two["alone"]) / 2.0)
        lines.append(
            f"| {name} | {one['cpu']:.1f} | {ratio:.1f} | {one['memory']:.0f} | {faster:.2f} × | {allowed:.2f} × |"
        )
        print(lines[-1], flush=True)
    if given.output:
        given.output.write_text(
            "\n".join(["# What an answer costs", "", "```text", (__doc__ or "").strip(), "```", "", *lines, ""])
        )


if __name__ == "__main__":
    main()
