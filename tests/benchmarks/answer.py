"""What an answer costs after the features are there, against one thin SVD of every array.

Usage: python -m tests.benchmarks.answer [--only TEXT] [--again]
       python -m tests.benchmarks.answer --profile "20 × 1,000, nothing"

Questions that answer.csv has are not asked again without --again, so a run that was broken off goes on. Each question
runs in a process of its own: `predictor.predict` over arrays, imports included. CPU time is that of the process, memory
its peak. The thin SVDs run in the same process before and after, on the same standardised arrays; the ratio is to their
mean, so that a machine that is busy slows down both sides of it. Descriptions are a score of every row, as a describer
gives it.

The last two columns are of a run on two threads, candidates shared over threads: wall time on one over that on two,
which means something on a free machine only; and what two free cores allow, t / (s + (t − s) / 2), from t, the CPU time
of the process, and s, that of the thread that does all that is not shared. Growth is the exponent of CPU time where
candidates or rows double. Of more than 1,500 rows, training is simulated on 1,500.
"""

from __future__ import annotations

import argparse
import atexit
import cProfile
import csv
import functools
import json
import math
import os
import pstats
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

TABLE = Path(__file__).with_suffix(".csv")
PROFILED = 10
"""Functions shown of a profile."""

DIMENSIONS = (128, 256, 384, 512, 768)
STRONG = 768
KINDS = {"nothing": "", "gold labels of a third": "gold", "weak labels": "weak", "descriptions": "described"}
SIZES = {
    "20 × 500": (20, 500),
    "20 × 1,000": (20, 1000),
    "40 × 1,000": (40, 1000),
    "20 × 2,000": (20, 2000),
    "50 × 2,000": (50, 2000),
}
GROWTH = ("20 × 500", "40 × 1,000", "20 × 2,000")
"""Sizes that show growth, asked without evidence only."""

SHARED = "20 × 1,000"
"""Asked on two threads as well."""

QUESTIONS = {
    f"{size}, {kind}": (*SIZES[size], KINDS[kind])
    for size in SIZES
    for kind in KINDS
    if size not in GROWTH or kind == "nothing"
}


@dataclass(frozen=True)
class Cost:
    """What one question cost; seconds, and peak memory in MB. The last three are of a run on two threads."""

    question: str
    svd: float
    cpu: float
    wall: float
    memory: float
    two_cpu: float = math.nan
    two_alone: float = math.nan
    two_wall: float = math.nan

    @property
    def cells(self) -> str:
        """The row of the table."""
        if math.isnan(self.two_cpu):
            faster, allowed = "", ""
        else:
            faster = f"{self.wall / self.two_wall:.2f} ×"
            allowed = f"{self.two_cpu / ((self.two_cpu + self.two_alone) / 2.0):.2f} ×"
        ratio = self.cpu / self.svd
        return f"| {self.question} | {self.cpu:.1f} | {ratio:.1f} | {self.memory:.0f} | {faster} | {allowed} |"


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


def cost(name: str) -> Cost:
    """Ask one question, on one thread, and those of one size on two."""
    one = asked(name, 1)
    found = Cost(name, one["svd"], one["cpu"], one["wall"], one["memory"])
    if not name.startswith(SHARED):
        return found
    two = asked(name, 2)
    return Cost(**asdict(found) | {"two_cpu": two["cpu"], "two_alone": two["alone"], "two_wall": two["wall"]})


def known() -> dict[str, Cost]:
    """Costs of the table, by question."""
    if not TABLE.exists():
        return {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [
            {k: v if k == "question" else float(v or "nan") for k, v in row.items()} for row in csv.DictReader(file)
        ]
    return {str(row["question"]): Cost(**row) for row in rows}  # type: ignore[arg-type]


def write(costs: dict[str, Cost]) -> None:
    """The table, in the order of the questions."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(one.name for one in fields(Cost))
        for name in (name for name in QUESTIONS if name in costs):
            values = list(asdict(costs[name]).values())
            table.writerow([values[0], *("" if math.isnan(v) else f"{v:.4g}" for v in values[1:])])


def growth(costs: dict[str, Cost]) -> list[str]:
    """Exponents of CPU time without evidence, where both sizes were asked."""
    pairs = {
        "candidates, 20 to 40": ("20 × 1,000", "40 × 1,000"),
        "rows, 500 to 1,000": ("20 × 500", "20 × 1,000"),
        "rows, 1,000 to 2,000": ("20 × 1,000", "20 × 2,000"),
    }
    found = []
    for what, (small, large) in pairs.items():
        one, other = costs.get(f"{small}, nothing"), costs.get(f"{large}, nothing")
        if one is not None and other is not None:
            found.append(f"| {what} | {other.cpu / one.cpu:.2f} | {math.log2(other.cpu / one.cpu):.2f} |")
    return found


def profile(name: str) -> None:
    """CPU seconds of an answer by function, those that take most themselves."""
    import predictor

    strong, weak, classes = arrays(*QUESTIONS[name][:2])
    watched, predict = cProfile.Profile(time.process_time), predictor.predict
    given = evidence(QUESTIONS[name][2], weak, classes)
    with watched:
        predict(strong=strong, weak=weak, seed=0, **given)
    found = pstats.Stats(watched)
    every: dict[tuple[str, int, str], tuple[Any, ...]] = getattr(found, "stats")  # noqa: B009  (typeshed does not know)
    total = sum(one[2] for one in every.values())
    print(f"| {name}: {total:.1f} CPU-s with the profiler | share | calls |", "|---|---:|---:|", sep="\n")
    for (file, _, function), one in sorted(every.items(), key=lambda pair: -pair[1][2])[:PROFILED]:
        print(f"| `{function}` {'/'.join(Path(file).parts[-2:])} | {one[2] / total:.1%} | {one[1]} |")
    chosen = sum(one[3] for (_, _, function), one in every.items() if function in ("loo_ridge", "expected_loo_ridge"))
    print(f"| choosing among the ridges tried, in all | {chosen / total:.1%} | |")


def main() -> None:
    """Ask every question that the table lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="questions whose name holds this text")
    parser.add_argument("--again", action="store_true", help="ask them although the table has them")
    parser.add_argument("--profile", metavar="QUESTION", choices=QUESTIONS, help="print what one question spends")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(*QUESTIONS[given.one])))
        return
    if given.profile:
        profile(given.profile)
        return
    costs = known()
    for name in (name for name in QUESTIONS if given.only in name):
        if given.again or name not in costs:
            costs[name] = cost(name)
            write(costs)
    lines = [
        "| candidates × rows, evidence | CPU-s | × thin SVDs | peak MB | two threads, wall | two free cores |",
        "|---|---:|---:|---:|---:|---:|",
        *(costs[name].cells for name in QUESTIONS if name in costs),
        "",
        "| growth without evidence | CPU time × | exponent |",
        "|---|---:|---:|",
        *growth(costs),
    ]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
