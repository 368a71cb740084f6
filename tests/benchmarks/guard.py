"""Guard: costs that travel between machines, against the table of what they were when last looked at.

`python -m tests.benchmarks.guard` compares with `guard.csv` and leaves with 1 where one has grown beyond its tolerance;
`--update` writes the table anew. Instructions need valgrind and are left out, and said so, where there is none.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.errors import UnavailableError
from predictor.estimators.problem import Case, Representation
from predictor.estimators.xue2025 import RepresentationGap
from tests.benchmarks.answer_operations import calls, factorised
from tests.benchmarks.instructions import count
from tests.benchmarks.kernels import ours, products
from tests.benchmarks.workload import models

TABLE = Path(__file__).with_name("guard.csv")
WORKLOAD = "tests.benchmarks.workload"
COUNTED = "M instructions"


class Counted:
    """Rows of an array, counted as they are read."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values
        self.shape, self.dtype = values.shape, values.dtype
        self.read = 0

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, rows: slice) -> np.ndarray:
        found = self._values[rows]
        self.read += len(found)
        return found


def passes() -> float:
    """How often a candidate's rows are read for all three forms on all grid points, the first chunk's mean included."""
    strong, weak = models(20_480, 16, 1)
    counted = Counted(weak)
    case = Case(Representation("s", strong), (Representation("w", counted),))
    for form in ("operator", "frobenius", "prior"):
        RepresentationGap(form).estimate(case)
    return counted.read / len(weak)


def peak() -> float:
    """Most megabytes held at once beyond the features, in the kernel stage at 20,000 × 64."""
    features = models(20_000, 64, 2)
    ours(features)
    tracemalloc.start()
    ours(features)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def overhead() -> float:
    """CPU seconds of the kernel stage over those of its matrix products alone, at 16,384 × 256; interleaved median."""
    features = models(16_384, 256, 2)
    with threadpool_limits(limits=1):
        ratios = [_seconds(ours, features) / _seconds(products, features) for _ in range(7)]
    return statistics.median(ratios)


def _seconds(run: Callable[[list[np.ndarray]], object], features: list[np.ndarray]) -> float:
    started = time.process_time()
    run(features)
    return time.process_time() - started


def instructions(kind: str, *shape: int) -> Callable[[], float]:
    """Millions of instructions of one piece of work, its features at hand."""

    def measure() -> float:
        words = [str(size) for size in shape]
        return (count(WORKLOAD, kind, *words) - count(WORKLOAD, "making", *words)) / 1e6

    return measure


@dataclass(frozen=True)
class Cost:
    """One cost that is watched.

    Attributes:
        unit: of the value.
        tolerance: share by which it may grow before it counts as a regression.
    """

    measure: Callable[[], float]
    unit: str
    tolerance: float


COSTS = {
    "reads of a candidate's rows, all forms": Cost(passes, "passes", 0.01),
    "peak of the kernel stage, 20,000 × 64": Cost(peak, "MB", 0.10),
    "kernel stage over its products, 16,384 × 256": Cost(overhead, "ratio", 0.35),
    "factorised in an answer, 6 × 240, nothing": Cost(factorised(""), "M n³", 0.10),
    "factorised in an answer, 6 × 240, gold labels": Cost(factorised("gold"), "M n³", 0.10),
    "factorised in an answer, 6 × 240, weak labels": Cost(factorised("weak"), "M n³", 0.10),
    "factorised in an answer, 6 × 240, descriptions": Cost(factorised("described"), "M n³", 0.10),
    "calls of an answer, 2 × 64, 8 dimensions": Cost(calls, "thousand", 0.10),
    "kernel stage, 6,144 × 48": Cost(instructions("kernels", 6144, 48, 1, 0), COUNTED, 0.05),
    "small eigenproblems, 2,100 × 192": Cost(instructions("kernels", 2100, 192, 1, 0), COUNTED, 0.05),
    "ranking of two, 2,100 × 32, 3 resamples": Cost(instructions("ranking", 2100, 32, 2, 3), COUNTED, 0.05),
}


def known() -> dict[str, float]:
    """Costs of the table, by name."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["cost"]: float(row["value"]) for row in csv.DictReader(file)}


def measured(quick: bool, only: str = "") -> dict[str, float]:
    """Costs now; those that cannot be measured here are left out with a word on standard error."""
    found = {}
    for name, cost in COSTS.items():
        if only not in name or (quick and cost.unit == COUNTED):
            continue
        try:
            found[name] = cost.measure()
        except UnavailableError as error:
            print(f"{name}: not measured; {error.message}", file=sys.stderr)
    return found


def result(name: str, value: float, before: float | None) -> str:
    """`grown`, `fell`, `new` or `same`."""
    if before is None:
        return "new"
    room = 1.0 + COSTS[name].tolerance
    return "grown" if value > before * room else "fell" if value * room < before else "same"


def main() -> int:
    """Compare, or update; 1 where a cost has grown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out what valgrind counts: seconds, not minutes")
    parser.add_argument("--only", default="", help="costs whose name holds this text")
    parser.add_argument("--update", action="store_true", help="write the table anew")
    given = parser.parse_args()
    now = measured(given.quick, given.only)
    before = known() if TABLE.exists() else {}
    stated = {name: result(name, value, before.get(name)) for name, value in now.items()}
    for name, value in now.items():
        old = f"{before[name]:.3f}" if name in before else "-"
        print(
            f"{stated[name]:6} {name}: {value:.3f} {COSTS[name].unit} (was {old}, +{COSTS[name].tolerance:.0%} allowed)"
        )
    if given.update:
        with TABLE.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("cost", "value", "unit", "tolerance"))
            table.writerows((n, f"{v:.4g}", COSTS[n].unit, COSTS[n].tolerance) for n, v in {**before, **now}.items())
        return 0
    return int("grown" in stated.values())


if __name__ == "__main__":
    sys.exit(main())
