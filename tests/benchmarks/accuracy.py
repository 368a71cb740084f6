"""How well each estimator foretells measured weak-to-strong training, on real models and tasks.

    W2S_DATA=FOLDER python -m tests.benchmarks.accuracy -o tests/benchmarks/accuracy.csv
    python -m tests.benchmarks.accuracy --table tests/benchmarks/accuracy.csv

Every candidate of every cell is really trained on SPLITS random thirds by `predictor.validation`; nothing is tuned on
what is measured here, and every cell is written.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from predictor.extraction.extractor import Extractor
from predictor.query import ModelSpec, RankingQuery
from predictor.validation import validation_steps
from tests.benchmarks.lineup import TASKS, Cell, InMemory, cells, read
from tests.drain import drain

SPLITS = 24

LOWER_IS_BETTER = ("regret", "regret_gain", "mae_error", "mae_gain", "mae_weak")

COLUMNS = (
    "task",
    "strong",
    "candidates",
    "reliability",
    "estimator",
    "evidence",
    "spearman_error",
    "spearman_gain",
    "regret",
    "mae_error",
    "mae_gain",
    "coverage_error",
    "coverage_gain",
    "foretells",
    "judged",
    "kendall_error",
    "weighted_tau_error",
    "kendall_gain",
    "weighted_tau_gain",
    "regret_gain",
    "spearman_weak",
    "kendall_weak",
    "mae_weak",
    "spearman_log_gain",
)

FIGURES = tuple(name for name in COLUMNS[6:] if name not in ("foretells", "judged"))


def rows(cell: Cell) -> Iterator[dict[str, Any]]:
    """One row per estimator."""
    found = {one.name: one for one in cell.weak} | {"strong": cell.strong}
    query = RankingQuery(
        ModelSpec("strong", "features:strong"),
        tuple(ModelSpec(one.name, f"features:{one.name}") for one in cell.weak),
        cell.task.pool,
    )
    steps = validation_steps(query, cell.task.labels, InMemory(found), task=cell.task.name, splits=SPLITS)
    validation = drain(steps)
    head = {
        "task": cell.task.name,
        "strong": f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}",
        "candidates": len(cell.weak),
        "reliability": validation.reliability,
    }
    for score in validation.scores:
        yield head | asdict(score)


def table(path: Path, figure: str) -> str:
    """One figure of a result file as a Markdown table, a column per cell."""
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    heads = list(dict.fromkeys((r["task"], r["strong"], r["candidates"]) for r in found))
    at = {(r["task"], r["strong"], r["candidates"], r["evidence"], r["estimator"]): r for r in found}
    short = [f"{task} · {strong.partition('#')[0]} ({count})" for task, strong, count in heads]
    lines = ["| | " + " | ".join(short) + " | mean | worst |", "|---|" + "---:|" * (len(heads) + 2)]
    if figure == "spearman_error":
        once = {(r["task"], r["strong"], r["candidates"]): r["reliability"] for r in found}
        lines.append(_line("*reliability of the measurement*", [once[head] for head in heads]))
    for evidence, name in dict.fromkeys((r["evidence"], r["estimator"]) for r in found):
        values = [at[(*head, evidence, name)][figure] if (*head, evidence, name) in at else "" for head in heads]
        if any(values):
            label = f"`{name}`" + ("" if evidence == "representations" else " + D~ labels")
            lines.append(_line(label, values, max if figure in LOWER_IS_BETTER else min))
    return "\n".join(lines)


def _line(head: str, values: list[str], worst: Callable[[list[float]], float] = min) -> str:
    held = [float(v) for v in values if v]
    shown = [f"{float(v):.2f}" if v else "–" for v in values]
    return f"| {head} | " + " | ".join(shown) + f" | {np.mean(held):.2f} | {worst(held):.2f} |"


def main() -> None:
    """Run the lineup, or print a table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.accuracy", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("accuracy.csv"), help="result file (CSV)")
    parser.add_argument("--table", type=Path, help="print a table of this result file and stop")
    parser.add_argument("--figure", default="spearman_error", choices=FIGURES, help="figure of the table")
    parser.add_argument("--task", action="append", help="only these tasks")
    options = parser.parse_args()
    if options.table:
        print(table(options.table, options.figure))
        return
    if "W2S_DATA" not in os.environ:
        sys.exit("set W2S_DATA to the folder that holds the task files")
    extractor = Extractor()
    with options.o.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for name in options.task or TASKS:
            for cell in cells(read(name, Path(os.environ["W2S_DATA"])), extractor):
                started = time.perf_counter()
                for row in rows(cell):
                    writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                file.flush()
                seconds = time.perf_counter() - started
                print(f"{name} · {cell.strong.name}: {len(cell.weak)} candidates, {seconds:.0f} s", file=sys.stderr)
    print(table(options.o, options.figure))


if __name__ == "__main__":
    main()
