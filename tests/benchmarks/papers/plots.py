"""Plots of the pages charikar.md and yao.md, from their committed cells: seconds.

    python -m tests.benchmarks.papers.plots

Writes charikar.svg and yao.svg beside this file. Gain is on the vertical axis, misfit on the horizontal one.
The line is gain = misfit.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from predictor.statistics.arrays import Array

mpl.use("svg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
Row = dict[str, str]
WORLDS = (
    "perturbed, realisable",
    "perturbed, not realisable",
    "pretrained, realisable",
    "pretrained, not realisable",
)
STUDENTS = ("mixture, reverse KL", "softmax, reverse KL", "softmax, forward KL")
STYLE = {
    "svg.hashsalt": "papers",
    "font.size": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8.0,
}


def read(name: str) -> list[Row]:
    """Rows of a committed file."""
    with (HERE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(rows: Sequence[Row], name: str) -> Array:
    """(n,) numbers of a column."""
    return np.array([float(row[name]) for row in rows])


def gain_of_misfit(axes: Axes, rows: Sequence[Row], unit: str) -> None:
    """One point a cell."""
    misfit, gain = column(rows, "misfit"), column(rows, "gain")
    low, high = min(0.0, float(gain.min())), 1.05 * max(float(misfit.max()), float(gain.max()))
    axes.plot([max(low, 0.0), high], [max(low, 0.0), high], color="black", linewidth=0.7)
    axes.axhline(0.0, color="grey", linewidth=0.5, linestyle=":")
    axes.scatter(misfit, gain, s=5.0, alpha=0.5, linewidths=0.0, rasterized=True)
    axes.set(xlim=(0.0, high), ylim=(1.05 * low, high), xlabel=f"misfit, {unit}", ylabel=f"gain, {unit}")


def error_of_steps(axes: Axes, rows: Sequence[Row]) -> None:
    """A line per number of rows, and the distance from the teacher in grey."""
    for count, dash in (("60", "--"), ("1000", "-")):
        own = [row for row in rows if row["rows"] == count]
        for name, colour in (("distance", "grey"), ("error", "C0")):
            axes.plot(
                column(own, "step"), column(own, name), dash, color=colour, linewidth=1.0, marker="o", markersize=2.0
            )
    axes.set(xscale="log", xlabel="gradient steps", ylabel="error; grey: KL to teacher", ylim=(0.0, None))


def charikar() -> None:
    """A panel per world."""
    rows = read("charikar.csv")
    figure, panels = plt.subplots(1, len(WORLDS), figsize=(10.5, 2.9))
    for axes, world in zip(panels, WORLDS, strict=True):
        gain_of_misfit(axes, [row for row in rows if row["world"] == world], "label variance")
        axes.set_title(world)
    save(figure, "charikar.svg")


def yao() -> None:
    """Gain of misfit by world and student, and below them the change of the L1 distance against its bound."""
    rows = read("yao.csv")
    paths = read("yao_paths.csv")
    figure, panels = plt.subplots(len(STUDENTS) + 2, len(WORLDS), figsize=(10.5, 12.5))
    for line, student in zip(panels, STUDENTS, strict=False):
        for axes, world in zip(line, WORLDS, strict=True):
            gain_of_misfit(axes, [r for r in rows if (r["world"], r["student"]) == (world, student)], "nats")
            axes.set_title(f"{world}\n{student}")
    for axes, world in zip(panels[-2], WORLDS, strict=True):
        for student in STUDENTS:
            own = [r for r in rows if (r["world"], r["student"]) == (world, student)]
            axes.scatter(column(own, "l1_bound"), column(own, "l1_change"), s=5.0, label=student, rasterized=True)
        axes.plot([0.0, 1.0], [0.0, 1.0], color="black", linewidth=0.7)
        axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0), xlabel="2√(1 − exp(−d))", ylabel="change of L1 distance")
        axes.set_title(world)
    panels[-2][0].legend(frameon=False, fontsize=6.0, loc="upper left")
    for axes, world in zip(panels[-1], WORLDS, strict=True):
        error_of_steps(axes, [row for row in paths if row["world"] == world])
        axes.set_title(world)
    save(figure, "yao.svg")


def save(figure: mpl.figure.Figure, name: str) -> None:
    """Write a figure beside this file."""
    figure.tight_layout()
    figure.savefig(HERE / name, dpi=110, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Write both."""
    with plt.rc_context(STYLE):
        charikar()
        yao()


if __name__ == "__main__":
    main()
