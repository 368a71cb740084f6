"""The README's picture: predicted against measured W2S errors of every candidate of the committed record.

Run as `python -m tests.benchmarks.picture`: seconds. It reads `accuracy*.measured.csv` and writes `picture.light.svg`
and `picture.dark.svg` beside them. The predictions are those without any label.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.record import SIGNAL

mpl.use("svg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
TABLES = ("accuracy.measured.csv", "accuracy_second.measured.csv", "accuracy_third.measured.csv")
INK = {"light": "#1f2328", "dark": "#e6edf3"}
COLOURS = {"light": "Blues", "dark": "YlGnBu_r"}
Cells = dict[tuple[str, str], tuple[NDArray[np.float64], NDArray[np.float64], bool]]


def cells() -> Cells:
    """(task, strong) -> predicted and measured errors of its candidates, and whether there is something to learn."""
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for table in TABLES:
        with (HERE / table).open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                values = (float(row["combined"]), float(row["w2s_error"]), float(row["ceiling_error"]))
                found[row["task"], row["strong"]].append(values)
    columns = {cell: np.array(rows).T for cell, rows in found.items()}
    return {cell: (one[0], one[1], bool(one[2][0] <= SIGNAL)) for cell, one in columns.items()}


def draw(found: Cells, mode: str) -> None:
    """Write the picture for one background."""
    with plt.rc_context(_style(INK[mode])):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.7), gridspec_kw={"width_ratios": [1, 1.25]})
        _points(left, found, COLOURS[mode])
        _cells(right, found)
        figure.tight_layout()
        figure.savefig(HERE / f"picture.{mode}.svg", transparent=True, metadata={"Date": None})
        plt.close(figure)


def _points(axes: Axes, found: Cells, colours: str) -> None:
    """Every candidate, in standard deviations of its cell."""
    predicted = np.concatenate([_standard(one[0]) for one in found.values()])
    measured = np.concatenate([_standard(one[1]) for one in found.values()])
    axes.hexbin(predicted, measured, gridsize=34, extent=(-2.6, 2.6, -2.6, 2.6), cmap=colours, mincnt=1, linewidths=0.1)
    axes.plot([-2.6, 2.6], [-2.6, 2.6], linewidth=0.8, linestyle=":")
    axes.set(xlabel="predicted W2S error, no label given", ylabel="measured after training")
    axes.set_title(f"{len(predicted):,} trained students, in units of their cell's spread", fontsize=8.5)


def _cells(axes: Axes, found: Cells) -> None:
    """ρ of every cell, worst first; hollow where there is nothing to learn."""
    pairs = ((rank_correlation(one[0], one[1]) or 0.0, one[2]) for one in found.values())
    order = sorted(pairs, key=lambda pair: pair[0])
    for place, (rho, real) in enumerate(order):
        axes.plot(place, rho, "o", markersize=4, color="#2f81f7" if real else "none", markeredgecolor="#2f81f7")
    mean = float(np.mean([rho for rho, real in order if real]))
    axes.axhline(mean, linewidth=0.8, linestyle=":")
    axes.axhline(0, linewidth=0.5)
    axes.set(
        xlabel="cells (task × student), worst first", ylabel="Spearman's ρ, predicted with measured", ylim=(-0.6, 1)
    )
    axes.set_title(f"{len(order)} cells, mean ρ {mean:.2f}; hollow: nothing to learn there", fontsize=8.5)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values - values.mean()) / (values.std() or 1.0)


def _style(ink: str) -> dict[str, object]:
    inks = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink)
    fixed = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "w2s"}
    return {**inks, **fixed, "lines.color": ink, "axes.prop_cycle": mpl.cycler(color=[ink]), "svg.fonttype": "none"}


def main() -> None:
    """Draw both."""
    found = cells()
    for mode in INK:
        draw(found, mode)


if __name__ == "__main__":
    main()
