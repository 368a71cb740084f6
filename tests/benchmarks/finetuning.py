"""How far linear heads, and the forecasts made for them, foretell end-to-end fine-tuning of the strong model.

    W2S_DATA=FOLDER python -m tests.benchmarks.finetuning -o tests/benchmarks/finetuning.csv
    python -m tests.benchmarks.finetuning --table tests/benchmarks/finetuning.csv

Every candidate of a cell is trained twice on the same splits: once with heads on frozen features, once with the student
fine-tuned (its weak heads staying heads). One row of the result is one candidate; nothing is chosen by an outcome.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from predictor.extraction.extractor import Extractor
from predictor.finetuning.tuner import FineTuner
from predictor.models.zoo import find
from predictor.query import ModelSpec, Progress, RankingQuery
from predictor.training import Recipe, Tuning, train_w2s
from predictor.validating.scoring import rank_correlation
from predictor.validating.validation import Validation, validation_steps
from tests.benchmarks.lineup import Cell, InMemory, Task, cells, read


@dataclass(frozen=True)
class Bench:
    """One cell: which task, student and recipe, and which of the lineup's candidates teach.

    Attributes:
        rows: of the task; those beyond `weak_rows` and `student_rows` of the recipe are tested on.
        every: every how manyth candidate of the lineup's cell is taken.
    """

    task: str
    strong: str
    rows: int
    every: int
    recipe: Recipe
    splits: int = 3


MOLECULES = Recipe("full", weak_rows=150, student_rows=150, tuning=Tuning(epochs=4, learning_rate=3e-4, head_layer="6"))
LAST = replace(MOLECULES, tuning=replace(MOLECULES.tuning, head_layer="last"))
TEXTS = Recipe("lora", weak_rows=180, student_rows=180, tuning=Tuning(epochs=3, head_layer="3"))
BENCHES = (
    Bench("freesolv", "rxnfp-bert_ft#layer=6", 600, 3, MOLECULES),
    Bench("subjectivity", "all-MiniLM-L6-v2#layer=3", 500, 5, TEXTS, splits=2),
    Bench("esol", "rxnfp-bert_ft#layer=6", 600, 3, MOLECULES, splits=2),
    Bench("freesolv", "rxnfp-bert_ft#layer=6", 600, 3, LAST, splits=2),
)
"""Rates and epochs were settled on the ceiling of a split that is not among these (seed 100)."""

FORECASTS = ("combined", "truth_posterior")

FIGURES = (
    *("weak_error", "head_error", "head_gain", "ridge_error", "ridge_gain"),
    *(f"{name}_{figure}" for name in FORECASTS for figure in ("error", "gain")),
)
"""What fine-tuned errors and gains are compared with."""

COLUMNS = (
    *("task", "strong", "recipe", "loss", "splits", "candidate", "tuned_error", "tuned_error_se"),
    *("tuned_gain", "tuned_gain_se", *FIGURES, "tuned_ceiling", "head_ceiling", "reliability"),
)


def lineup(bench: Bench, folder: Path, extractor: Extractor) -> Cell:
    """The student at the layer its new head reads, and some of the lineup's candidates, on the bench's rows."""
    task = read(bench.task, folder)
    found = {one.name: one for cell in cells(task, extractor) for one in (cell.strong, *cell.weak)}
    rows = np.sort(np.random.default_rng(0).permutation(len(task.pool))[: bench.rows])
    cut = {name: replace(one, values=one.values[rows]) for name, one in found.items()}
    own = bench.strong.partition("#")[0]
    weak = [one for name, one in cut.items() if name.partition("#")[0] != own]
    return Cell(
        Task(task.name, task.pool.take(rows), task.labels.take(rows)), cut[bench.strong], tuple(weak[:: bench.every])
    )


def measure(bench: Bench, cell: Cell) -> Iterator[dict[str, Any]]:
    """One row per candidate."""
    found = {one.name: one for one in cell.weak} | {"strong": cell.strong}
    query = RankingQuery(
        ModelSpec("strong", find(bench.strong.partition("#")[0]).reference),
        tuple(ModelSpec(one.name, f"features:{one.name}") for one in cell.weak),
        cell.task.pool,
    )
    steps = validation_steps(
        query,
        cell.task.labels,
        InMemory(found),
        splits=bench.splits,
        labelled_splits=bench.splits,
        recipe=bench.recipe,
        student_of=lambda query, recipe: FineTuner.of(query.strong, query.pool.texts, query.settings, recipe),
    )
    tuned = follow(steps)
    ridge = Recipe(weak_rows=bench.recipe.weak_rows, student_rows=bench.recipe.student_rows)
    twin = ridge if tuned.loss == "squared" else replace(ridge, method="logistic")
    features = [found[one.name].values for one in tuned.trained]
    by_ridge, by_twin = (
        train_w2s(cell.strong.values, features, cell.task.labels, splits=bench.splits, recipe=recipe)
        for recipe in (ridge, twin)
    )
    for i, one in enumerate(tuned.trained):
        yield {
            "task": bench.task,
            "strong": bench.strong,
            "recipe": f"{tuned.recipe}, head on layer {bench.recipe.tuning.head_layer}",
            "loss": tuned.loss,
            "splits": bench.splits,
            "candidate": one.name,
            "tuned_error": one.w2s_error.value,
            "tuned_error_se": one.w2s_error.standard_error,
            "tuned_gain": one.gain.value,
            "tuned_gain_se": one.gain.standard_error,
            "weak_error": one.weak_error.value,
            "head_error": by_twin.w2s[i].mean(),
            "head_gain": by_twin.gain[i].mean(),
            "ridge_error": by_ridge.w2s[i].mean(),
            "ridge_gain": by_ridge.gain[i].mean(),
            **{
                f"{name}_{figure}": one.predicted.get(name, {}).get(key)
                for name in FORECASTS
                for figure, key in (("error", "value"), ("gain", "gain"))
            },
            "tuned_ceiling": tuned.ceiling_error.value,
            "head_ceiling": by_twin.ceiling.mean(),
            "reliability": tuned.reliability,
        }


def follow(steps: Generator[Progress, None, Validation]) -> Validation:
    """Run a validation to its end, a line on standard error for every training."""
    started = time.perf_counter()
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            found: Validation = end.value
            return found
        if step.phase == "train" and step.candidate:
            print(f"{time.perf_counter() - started:7.0f} s  split {step.done}  {step.candidate}", file=sys.stderr)


def table(path: Path) -> str:
    """Rank correlations per cell as a Markdown table."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    heads = list(dict.fromkeys((row["task"], row["strong"], row["recipe"]) for row in rows))
    kept = {head: [r for r in rows if (r["task"], r["strong"], r["recipe"]) == head] for head in heads}
    lines = [
        "| | "
        + " | ".join(
            f"{task} · {strong} · {recipe} ({len(kept[task, strong, recipe])})" for task, strong, recipe in heads
        )
        + " |",
        "|---|" + "---:|" * len(heads),
        _line(
            "*reliability of the fine-tuned error (split against split)*", [kept[h][0]["reliability"] for h in heads]
        ),
        _line(
            "ceiling: fine-tuned / heads",
            [f"{float(kept[h][0]['tuned_ceiling']):.2f} / {float(kept[h][0]['head_ceiling']):.2f}" for h in heads],
        ),
    ]
    for figure in FIGURES:
        outcome = "tuned_gain" if figure.endswith("gain") else "tuned_error"
        found = [_correlation(kept[head], figure, outcome) for head in heads]
        lines.append(_line(f"`{figure}` → {outcome.replace('_', ' ')}", found))
    for figure in (one for one in FIGURES if one.endswith("error")):
        lines.append(_line(f"first choice by `{figure}`: tuned error lost", [_lost(kept[h], figure) for h in heads]))
    return "\n".join(lines)


def _lost(rows: list[dict[str, str]], figure: str) -> str:
    """Fine-tuned error of the candidate of least `figure`, less that of the best."""
    first = min(rows, key=lambda row: float(row[figure]))
    return str(float(first["tuned_error"]) - min(float(row["tuned_error"]) for row in rows))


def _correlation(rows: list[dict[str, str]], one: str, other: str) -> str:
    pairs = np.array([(float(r[one]), float(r[other])) for r in rows if r[one]])
    return "" if not len(pairs) else str(rank_correlation(pairs[:, 0], pairs[:, 1]))


def _line(name: str, values: list[str]) -> str:
    shown = [v if "/" in v else f"{float(v):.2f}" if v not in ("", "None") else "–" for v in values]
    return f"| {name} | " + " | ".join(shown) + " |"


def main() -> None:
    """Run the cells, or print a table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.finetuning", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("finetuning.csv"), help="result file (CSV)")
    parser.add_argument("--table", type=Path, help="print a table of this result file and stop")
    parser.add_argument("--task", action="append", help="only these tasks")
    options = parser.parse_args()
    if options.table:
        print(table(options.table))
        return
    if "W2S_DATA" not in os.environ:
        sys.exit("set W2S_DATA to the folder that holds the task files")
    extractor = Extractor()
    with options.o.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for bench in (one for one in BENCHES if one.task in (options.task or one.task)):
            cell = lineup(bench, Path(os.environ["W2S_DATA"]), extractor)
            wall, cpu = time.perf_counter(), time.process_time()
            for row in measure(bench, cell):
                writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
            file.flush()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"{bench.task}: {len(cell.weak)} candidates, {wall:.0f} s, of a core {cpu:.0f} s", file=sys.stderr)
    print(table(options.o))


if __name__ == "__main__":
    main()
