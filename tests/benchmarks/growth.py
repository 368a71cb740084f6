"""Growth of the cost with rows, dimensions, candidates and resamples, as exponents of CPU seconds.

Run as `python -m tests.benchmarks.growth -o tests/benchmarks/growth.csv`, a minute or two; it draws `growth.svg` beside
the table. `--instructions` counts by valgrind instead, which no neighbour disturbs and takes a hundred times as long.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from tests.benchmarks.instructions import count
from tests.benchmarks.workload import KINDS, models

MODULE = "tests.benchmarks.workload"

AXES = {
    "rows": ("kernels", [(rows, 128, 1, 0) for rows in (4096, 8192, 16384, 32768, 65536)], 0),
    "dimensions": ("kernels", [(8192, dims, 1, 0) for dims in (64, 128, 256, 512, 1024)], 1),
    "candidates": ("ranking", [(2500, 48, candidates, 5) for candidates in (2, 4, 8, 16, 32)], 2),
    "resamples": ("ranking", [(2500, 48, 2, resamples) for resamples in (5, 10, 20, 40, 80)], 3),
}
"""Axis -> kind of work, shapes (n, d, candidates, resamples), and which of the four grows."""

EXPECTED = {"rows": 1.0, "dimensions": 2.0, "candidates": 1.0, "resamples": 1.0}
"""The cost model's exponents while rows outnumber dimensions: n d² a candidate, one after the other, and d³ later."""


Points = list[tuple[int, float]]


def seconds(axis: str, rounds: int) -> Points:
    """(size, CPU seconds) along one axis, medians of rounds that go through all sizes, without making the features."""
    kind, shapes, place = AXES[axis]
    run = KINDS[kind]
    made = [models(*shape[:3]) for shape in shapes]
    spent: list[list[float]] = [[] for _ in shapes]
    with threadpool_limits(limits=1):
        for _ in range(rounds):
            for features, shape, times in zip(made, shapes, spent, strict=True):
                started = time.process_time()
                run(features, shape[3])
                times.append(time.process_time() - started)
    return [(shape[place], statistics.median(times)) for shape, times in zip(shapes, spent, strict=True)]


def instructions(axis: str) -> Points:
    """(size, instructions) along one axis, without those that make the features."""
    kind, shapes, place = AXES[axis]
    found = []
    for shape in shapes:
        words = [str(size) for size in shape]
        found.append((shape[place], count(MODULE, kind, *words) - count(MODULE, "making", *words)))
    return found


def exponents(points: Points) -> tuple[float, float]:
    """Slope in logarithms over all points, and between the last two."""
    sizes, costs = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(sizes, costs, 1)[0]), float((costs[-1] - costs[-2]) / (sizes[-1] - sizes[-2]))


def draw(measured: dict[str, Points], unit: str, path: Path) -> None:
    """One panel per axis, logarithmic, with the model's exponent as a line through the last point."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, all_axes = pyplot.subplots(1, len(measured), figsize=(12, 3), constrained_layout=True)
    for axes, (axis, points) in zip(all_axes, measured.items(), strict=True):
        sizes, costs = np.array(points, dtype=float).T
        last = exponents(points)[1]
        axes.loglog(sizes, costs, "o-", color="#1f4e79", label="measured")
        line = costs[-1] * (sizes / sizes[-1]) ** EXPECTED[axis]
        axes.loglog(sizes, line, "--", color="#999999", label=f"exponent {EXPECTED[axis]:g}")
        axes.set_title(f"{axis}: {last:.2f} at the end")
        axes.set_xlabel(axis)
        axes.set_xticks(sizes, [f"{size / 1024:g}k" if size > 2048 else f"{size:g}" for size in sizes])
        axes.minorticks_off()
        axes.legend(frameon=False, fontsize=8)
    all_axes[0].set_ylabel(unit)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    """Measure every axis, write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axis", choices=AXES, nargs="+", default=list(AXES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instructions", action="store_true", help="count instructions by valgrind")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    unit = "instructions" if given.instructions else "CPU seconds"
    measured = {axis: instructions(axis) if given.instructions else seconds(axis, given.rounds) for axis in given.axis}
    for axis, points in measured.items():
        print(f"{axis}: exponent {exponents(points)[0]:.2f} over all, {exponents(points)[1]:.2f} at the end")
    if given.output:
        with given.output.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("axis", "kind", "rows", "dimensions", "candidates", "resamples", unit))
            for axis, points in measured.items():
                kind, shapes, _ = AXES[axis]
                for shape, (_, spent) in zip(shapes, points, strict=True):
                    table.writerow((axis, kind, *shape, f"{spent:.4g}"))
        draw(measured, unit, given.output.with_suffix(".svg"))


if __name__ == "__main__":
    main()
