"""How well each estimator predicts measured weak-to-strong training, on real models and tasks.

    W2S_DATA=FOLDER python -m tests.benchmarks.accuracy -o tests/benchmarks/accuracy.csv

Writes one row per cell and estimator, and beside it (`….measured.csv`) one row per cell and candidate: what was
measured of it and what every label-free estimator had said. `tests.benchmarks.record` makes tables of both.

Every candidate of every cell is really trained on SPLITS random thirds by `predictor.validation.validate`; forecasts
from gold labels are made on D~ of the first LABELLED of them (`--labelled`), each scored against trainings of its own
split. Nothing is tuned on what is measured here, and every cell is written.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from predictor.estimators.registry import BY_NAME_ONLY, ESTIMATORS
from predictor.extraction.extractor import Extractor
from predictor.query.evidence import Evidence
from predictor.query.settings import Settings
from predictor.steps import drain
from predictor.validation.validate import validation_steps
from predictor.validation.validation import Validation
from tests.benchmarks.lineup import SETS, Cell, InMemory, cells, data_folder, read

SPLITS = 32
LABELLED = 6

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
    "predicts",
    "scored",
    "kendall_error",
    "weighted_tau_error",
    "kendall_gain",
    "weighted_tau_gain",
    "regret_gain",
    "spearman_weak",
    "kendall_weak",
    "mae_weak",
    "spearman_log_gain",
    "spearman_accuracy",
    "regret_accuracy",
    "accuracy_lost_by_error",
    "accuracy_lost_by_gain",
    "mae_accuracy",
    "mae_accuracy_gain",
)

MEASURED = (
    "task",
    "strong",
    "candidate",
    "weak_error",
    "w2s_error",
    "standard_error",
    "ceiling_error",
    "predicted_gain",
    *(name for name, estimator in ESTIMATORS.items() if estimator.evidence == Evidence.representations),
)


RECORDS = {
    "first": Path(__file__).parent / "accuracy.csv",
    "second": Path(__file__).parent / "accuracy_second.csv",
    "third": Path(__file__).parent / "accuracy_third.csv",
}
"""Where the record of each set of tasks is committed, but for that of many classes: accuracy_classes.csv."""

QUICK = ("logme", "h_score", "representation_gap_labels", "intrinsic_dimension_discrepancy")
"""Estimators that run by name only and are cheap enough for every cell."""


def run(cell: Cell, names: Sequence[str], labelled: int = LABELLED) -> Validation:
    """Train and score one cell."""
    query = cell.query(Settings(estimators=tuple(names)))
    steps = validation_steps(
        query, cell.task.labels, InMemory(cell.models), task=cell.task.name, splits=SPLITS, labelled_splits=labelled
    )
    return drain(steps)


def scored(cell: Cell, validation: Validation) -> Iterator[dict[str, Any]]:
    """One row per estimator."""
    head = {**_head(cell), "candidates": len(cell.weak), "reliability": validation.reliability}
    for score in validation.scores:
        yield head | asdict(score)


def measured(cell: Cell, validation: Validation) -> Iterator[dict[str, Any]]:
    """One row per candidate, with what was predicted of it without labels."""
    for one in validation.trained:
        yield _head(cell) | {
            "candidate": one.name,
            "weak_error": one.weak_error.value,
            "w2s_error": one.w2s_error.value,
            "standard_error": one.w2s_error.standard_error,
            "ceiling_error": validation.ceiling_error.value,
            "predicted_gain": one.predicted["combined"]["gain"],
            **{name: reported.get("value") for name, reported in one.predicted.items() if name in MEASURED},
        }


def _head(cell: Cell) -> dict[str, str]:
    return {"task": cell.task.name, "strong": f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"}


def measured_beside(path: Path) -> Path:
    """Where the candidates' own figures stand."""
    return path.with_suffix(".measured.csv")


def main() -> None:
    """Run the lineup, or print a table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.accuracy", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("accuracy.csv"), help="result file (CSV)")
    parser.add_argument("--task", action="append", help="only these tasks")
    parser.add_argument("--set", choices=SETS, default="first", help="which tasks (%(default)s)")
    parser.add_argument("--estimator", action="append", help="these beside combined; default: all but the slow ones")
    parser.add_argument("--labelled", type=int, default=LABELLED, help="splits whose D~ is revealed (%(default)s)")
    options = parser.parse_args()
    folder, extractor = data_folder(), Extractor()
    quick = [name for name in ESTIMATORS if name not in BY_NAME_ONLY or name in QUICK]
    names = dict.fromkeys(("combined", *(options.estimator or quick)))
    with options.o.open("w", newline="") as file, measured_beside(options.o).open("w", newline="") as beside:
        sheets = (
            csv.DictWriter(file, COLUMNS, lineterminator="\n"),
            csv.DictWriter(beside, MEASURED, lineterminator="\n"),
        )
        for sheet in sheets:
            sheet.writeheader()
        for name in options.task or SETS[options.set]:
            for cell in cells(read(name, folder), extractor):
                started = time.perf_counter()
                validation = run(cell, list(names), options.labelled)
                for sheet, rows in zip(sheets, (scored(cell, validation), measured(cell, validation)), strict=True):
                    for row in rows:
                        sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                file.flush()
                beside.flush()
                seconds = time.perf_counter() - started
                print(f"{name} · {cell.strong.name}: {len(cell.weak)} candidates, {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
