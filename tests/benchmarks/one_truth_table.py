"""Table of the one-truth record: figures per kind of rows, population and evidence."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from tests.benchmarks.lineup import ALL_SMILES

POPULATIONS = ("models", "arrays", "layers")
GOLD = {"none": (0, False), "descriptions": (0, True)} | {
    f"{words}gold {count}": (count, bool(words)) for words in ("", "descriptions + ") for count in (20, 50, 200)
}
TEACHERS = {
    "descriptions + weak labels": (0, "soft", True),
    "finished 0": (0, "soft", False),
    "finished 10": (10, "soft", False),
    "finished 20": (20, "soft", False),
    "finished 50": (50, "soft", False),
    "finished 100": (100, "soft", False),
    "over-confident 50": (50, "over", False),
    "hard 50": (50, "hard", False),
}
"""Gold rows, what the teachers are like, and whether descriptions are given."""

COLUMNS = (
    *("task", "strong", "population", "evidence", "split", "candidates", "ceiling"),
    *("error", "gain", "regret", "coverage", "width", "bias", "junk_first", "seconds"),
)


def table(path: Path, max_ceiling: float = 0.9) -> str:
    """Mean / worst cell per kind of rows, population and evidence, of cells whose ceiling is below `max_ceiling`."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if float(row["ceiling"]) < max_ceiling]
    lines = [
        "| rows | population | evidence | cells | ρ, W2S error | ρ, gain | regret | coverage | bias | junk first |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for reads, kind, name in product(("text", "SMILES"), POPULATIONS, (*GOLD, *TEACHERS)):
        cellwise: dict[tuple[str, str], list[dict[str, str]]] = {}
        for row in rows:
            of_kind = (row["task"] in ALL_SMILES) == (reads == "SMILES")
            if of_kind and (row["population"], row["evidence"]) == (kind, name):
                cellwise.setdefault((row["task"], row["strong"]), []).append(row)
        if cellwise:
            lines.append(f"| {reads} | {kind} | {name} | {len(cellwise)} | {_line(tuple(cellwise.values()))} |")
    return "\n".join(lines)


def _line(found: Sequence[Sequence[dict[str, str]]]) -> str:
    means = {
        figure: np.array([np.mean([float(row[figure]) for row in rows if row[figure]]) for rows in found])
        for figure in COLUMNS[7:]
    }
    both = " | ".join(f"{means[one].mean():.2f} / {means[one].min():.2f}" for one in ("error", "gain"))
    coverage = f"{means['coverage'].mean():.2f} / {means['coverage'].min():.2f}"
    rest = f"{means['bias'].mean():.2f} | {means['junk_first'].mean():.2f}"
    return f"{both} | {means['regret'].mean():.3f} | {coverage} | {rest}"
