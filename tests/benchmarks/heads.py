"""Students that are no ridge heads on soft labels: predicted as what they are, and as if they were such heads.

    W2S_DATA=FOLDER python -m tests.benchmarks.heads -o tests/benchmarks/heads.csv
    python -m tests.benchmarks.heads --table tests/benchmarks/heads.csv > tests/benchmarks/heads.md

Cells are those of `tests.benchmarks.accuracy`, sets `first` and `classes`, whose rows are texts in at most ten
classes, ETHICS virtue apart, where eleven rows in twelve are of one; with every third candidate. D~ of LABELLED
splits is revealed in turn; every candidate is really trained on that D~ and RECUTS cuts of the other rows into D^ and
test rows. Means over the splits are compared with the means of the forecasts that were made on the same D~. Nothing
is chosen by an outcome. FOLDER holds the first tasks and those of `tests.benchmarks.registry_tasks`.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Forecast, Forecaster
from predictor.estimators.registry import find
from predictor.extraction.extractor import Extractor
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from predictor.steps import drain
from predictor.training.learners import student_heads
from predictor.training.outcomes import Outcomes
from predictor.training.partition import recut
from predictor.training.recipe import Recipe
from predictor.training.runs import part_of, training_steps
from predictor.training.splits import Parts
from predictor.validation.validate import reveal
from tests.benchmarks.lineup import Cell, cells, data_folder, read

TASKS = ("subjectivity", "sentence_polarity", "ethics_justice", "ethics_deontology", "opinions", "topics")
ONCE = ("topics",)
"""Tasks of so many classes that they are run with the first student only."""

RECIPES = {
    "logistic, soft": Recipe("logistic"),
    "logistic, hard": Recipe("logistic", training=Training(label_form="hard")),
    "ridge, hard": Recipe("ridge", training=Training(label_form="hard")),
}
ESTIMATORS = ("truth_posterior", "consensus_truth")
LABELLED = 3
RECUTS = 6
EVERY = 3

FIGURES = (
    "spearman_error",
    "spearman_gain",
    "mae_error",
    "mae_gain",
    "mae_accuracy",
    "coverage_error",
    "coverage_gain",
)
COLUMNS = ("task", "strong", "candidates", "recipe", "estimator", "foretold_as", *FIGURES)


@dataclass(frozen=True, eq=False)
class _Reported:
    """Forecasts of one kind, one per D~."""

    forecasts: list[Forecast]

    def mean(self, name: str) -> Array:
        found: Array = np.mean([getattr(one, name) for one in self.forecasts], axis=0)
        return found

    def accuracy(self) -> Array:
        """(m,) predicted for the students."""
        found: Array = np.mean([one.accuracy.w2s for one in self.forecasts if one.accuracy is not None], axis=0)
        return found

    def inside(self, name: str, measured: Array) -> float:
        """Share of (m, S) measurements inside the 90 % intervals."""
        bounds = [np.quantile(getattr(one, f"{name}_draws"), [0.05, 0.95], axis=1) for one in self.forecasts]
        return float(np.mean([(low <= y) & (y <= high) for (low, high), y in zip(bounds, measured.T, strict=True)]))


def run(cell: Cell, recipe: Recipe) -> Iterator[dict[str, Any]]:
    """One row per estimator and kind of forecast."""
    labels, weak = cell.task.labels, cell.weak[::EVERY]
    asked = recipe.for_labels(labels.kind)
    rows, reported = len(cell.task.pool), {(name, own): _Reported([]) for name in ESTIMATORS for own in (True, False)}
    outcomes: list[Outcomes] = []
    for split in range(LABELLED):
        part = part_of(rows, asked, 0, split)
        case = Case(
            Representation.of(cell.strong),
            tuple(map(Representation.of, weak)),
            reveal(labels, part.weak),
            seed=split,
            training=asked.training,
        )
        for (name, own), into in reported.items():
            estimator = find(name)
            assert isinstance(estimator, Forecaster)
            into.forecasts.append(estimator.forecast(case if own else replace(case, training=case.training.squared)))
        outcomes.append(_trained(cell, asked, part, split))
    errors, gains = (np.stack([getattr(one, n).mean(axis=1) for one in outcomes], axis=1) for n in ("w2s", "gain"))
    right = np.mean([one.w2s_accuracy for one in outcomes], axis=(0, 2))
    for (name, own), one in reported.items():
        accuracy = one.forecasts[0].accuracy is not None
        yield {
            "task": cell.task.name,
            "strong": cell.strong.name.partition("#")[0],
            "candidates": len(weak),
            "estimator": name,
            "foretold_as": "what they are" if own else "ridge, soft",
            "spearman_error": rank_correlation(one.mean("error"), errors.mean(axis=1)),
            "spearman_gain": rank_correlation(one.mean("gain"), gains.mean(axis=1)),
            "mae_error": float(np.mean(np.abs(one.mean("error") - errors.mean(axis=1)))),
            "mae_gain": float(np.mean(np.abs(one.mean("gain") - gains.mean(axis=1)))),
            "mae_accuracy": float(np.mean(np.abs(one.accuracy() - right))) if accuracy else None,
            "coverage_error": one.inside("error", errors),
            "coverage_gain": one.inside("gain", gains),
        }


def _trained(cell: Cell, recipe: Recipe, part: Parts, split: int) -> Outcomes:
    rng = np.random.default_rng([split, RECUTS])
    return drain(
        training_steps(
            student_heads(cell.strong.values, recipe),
            [one.values for one in cell.weak[::EVERY]],
            cell.task.labels,
            recipe,
            splits=RECUTS,
            seed=split,
            parts=[recut(part, rng) for _ in range(RECUTS)],
        )
    )


def table(path: Path) -> str:
    """Means over the cells with something to learn, and the worst cell after a slash."""
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    titles = ("ρ W2S error", "ρ gain", "error: MAE", "gain: MAE", "accuracy: MAE", "error inside", "gain inside")
    lines = [
        "| students | estimator | predicted as | " + " | ".join(titles) + " |",
        "|---|---|---|" + "---:|" * len(titles),
    ]
    for recipe in RECIPES:
        for name in ESTIMATORS:
            for kind in ("what they are", "ridge, soft"):
                asked = (recipe, name, kind)
                rows = [r for r in found if (r["recipe"], r["estimator"], r["foretold_as"]) == asked]
                shown = " | ".join(_spread(rows, figure) for figure in FIGURES)
                lines.append(f"| {recipe} | `{name}` | {kind} | {shown} |")
    return "\n".join(lines)


def _spread(rows: list[dict[str, str]], figure: str) -> str:
    held = [float(r[figure]) for r in rows if r[figure]]
    if not held:
        return "–"
    worst = max(held) if figure.startswith("mae") else min(held)
    digits = 3 if figure.startswith("mae") else 2
    return f"{np.mean(held):.{digits}f} / {worst:.{digits}f}"


def main() -> None:
    """Run all cells, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.heads", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("heads.csv"), help="result file (CSV)")
    parser.add_argument("--task", action="append", help="only these tasks")
    parser.add_argument("--table", type=Path, help="print the table of a result file, and train nothing")
    options = parser.parse_args()
    if options.table:
        print(table(options.table))
        return
    folder, extractor = data_folder(), Extractor()
    with options.o.open("w", newline="") as file, threadpool_limits(limits=1, user_api="blas"):
        sheet = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        sheet.writeheader()
        for task in options.task or TASKS:
            found = cells(read(task, folder), extractor)
            for cell in found[:1] if task in ONCE else found:
                for recipe, asked in RECIPES.items():
                    started = time.perf_counter()
                    for row in run(cell, asked):
                        row = row | {"recipe": recipe}
                        sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                    file.flush()
                    print(
                        f"{task} · {cell.strong.name} · {recipe}: {time.perf_counter() - started:.0f} s",
                        file=sys.stderr,
                    )


if __name__ == "__main__":
    main()
