"""How many gold labels the choice of a teacher needs, of rows that are suggested and of others.

    W2S_DATA=FOLDER python -m tests.benchmarks.suggested_labels -o tests/benchmarks/suggested_labels.csv --task esol …
    python -m tests.benchmarks.suggested_labels --table tests/benchmarks/suggested_labels.csv

Resumable: cells that the file has are not computed again. 800 rows a task. Teachers are ridge heads trained on a third
of the rows; candidates are every second layer of the other models, about twenty. Gold labels can be had of the rest,
which the teachers label. Students are really trained on these labels, each row predicted by one that did not see it,
and the regret is their measured error, in label variance, less the least of any. The choice is that of `truth` from the
weak labels and the gold labels at hand. Rows come from

* `suggested`: `--suggest-labels`, asked anew at every step, as in use;
* `random`: any;
* `entropy`: those whose label is least known;
* `committee`: those on which the students disagree most.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.decision.label_value import regret_shares
from predictor.estimators.cross_fitted_students import by_ridge
from predictor.estimators.label_stakes import GRID_POINTS, label_stake
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Forecast
from predictor.estimators.truth import TruthForecast
from predictor.extraction.extractor import Extractor
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.training.measures import accuracy
from predictor.training.splits import cut
from tests.benchmarks.lineup import Cell, cells, data_folder, read
from tests.benchmarks.one_truth import shown, teachers

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

COUNTS = (0, 10, 20, 50, 100, 200)
DRAWS = {"random": 2, "suggested": 2, "entropy": 1, "committee": 1}
COLUMNS = (
    *("task", "strong", "split", "candidates", "rule", "draw", "labels"),
    *("regret", "accuracy_regret", "bias", "spread", "seconds"),
)


@dataclass(frozen=True, eq=False)
class Cached(TruthForecast):
    """The estimator with the kernels of one world kept."""

    found: dict[int, tuple[Array, ...]] = field(default_factory=dict)

    def kernels(self, case: Case) -> tuple[Array, ...]:
        """As the estimator's, made once."""
        if not self.found:
            self.found[0] = super().kernels(case)
        return self.found[0]


@dataclass(frozen=True, eq=False)
class World:
    """One cell and split: the evidence without gold labels, and what was measured.

    Attributes:
        labels: of every row.
        error, accuracy: (m,) measured of the students, in label variance and as share of rows; the latter NaN of
            numbers.
        students: (m, n, k) their answers.
    """

    case: Case
    labels: Labels
    error: Array
    accuracy: Array
    students: Array
    estimator: TruthForecast

    @classmethod
    def of(cls, cell: Cell, split: int) -> World:
        """Train teachers on a third of the rows, and students on what they say of the others."""
        targets = cell.task.labels.targets
        part = cut(len(targets), len(targets) // 3, len(targets) // 3, np.random.default_rng([split, 13]))
        rows = np.sort(np.concatenate([part.student, part.test]))
        weak = tuple(Representation.of(one) for one in cell.weak[::2])
        tables = teachers(weak, targets, part.weak, rows, "soft")
        strong, candidates = Representation.of(cell.strong).take(rows), tuple(one.take(rows) for one in weak)
        students = by_ridge(strong.features, Training(), np.random.default_rng([split, 17]))(np.stack(tables))
        truth, labels = targets[rows], cell.task.labels.take(rows)
        error = np.mean(np.sum((students - truth) ** 2, axis=2), axis=1) / float(np.sum(np.var(targets, axis=0)))
        classes = labels.kind != "regression"
        right = np.array([accuracy(one, truth) if classes else np.nan for one in students])
        given = {one.name: table for one, table in zip(candidates, tables, strict=True)}
        estimator = Cached(halvings=2, draws=32, shuffles=0)
        return cls(Case(strong, candidates, None, given), labels, error, right, students, estimator)

    def given(self, known: Rows) -> Case:
        """The evidence with gold labels of these rows."""
        labels = shown(self.labels, known) if len(known) else None
        return Case(self.case.strong, self.case.weak, labels, self.case.weak_labels)

    def next_rows(self, rule: str, known: Rows, count: int, forecast: Forecast, rng: np.random.Generator) -> Rows:
        """Rows to label next."""
        free = np.setdiff1d(np.arange(len(self.labels.targets)), known)
        if rule == "random":
            return rng.permutation(free)[:count]
        if rule == "committee":
            return free[np.argsort(-np.sum(np.var(self.students, axis=0), axis=1)[free], kind="stable")][:count]
        case = self.given(known)
        if rule == "entropy":
            truths = self.estimator.truths(self.estimator.prepared(case), np.sort(known))
            return free[np.argsort(-self._unknown(truths.coding.codes(truths.order.mean), truths)[free])][:count]
        _, stake = label_stake(case, accuracy=False, estimator=self.estimator)
        lead, shares = regret_shares(forecast.centred(forecast.error, forecast.error_draws).T)
        return stake.choose(lead, shares, count, np.isin(np.arange(len(self.labels.targets)), free), rng).rows

    def _unknown(self, codes: Array, truths: Any) -> Array:
        """(n,) entropy of the class, or variance of the number."""
        if self.labels.kind == "regression":
            found: Array = np.diag(truths.order.heaviest(GRID_POINTS).covariance)
            return found
        shares = np.clip(np.concatenate([1.0 - codes, codes], axis=1) if codes.shape[1] == 1 else codes, 1e-6, 1.0)
        shares = shares / shares.sum(axis=1, keepdims=True)
        return -np.sum(shares * np.log(shares), axis=1)

    def rows(self, split: int) -> Iterator[dict[str, Any]]:
        """A result per rule, draw and number of labels."""
        for rule, draws in DRAWS.items():
            for draw in range(draws):
                rng, known = np.random.default_rng([split, draw, 23]), np.empty(0, dtype=np.intp)
                forecast = self.estimator.forecast(self.given(known))
                for count in COUNTS:
                    started = time.perf_counter()
                    if count > len(known):
                        new = self.next_rows(rule, known, count - len(known), forecast, rng)
                        known = np.concatenate([known, new])
                        if not _trainable(self.labels, known):
                            continue
                        forecast = self.estimator.forecast(self.given(known))
                    yield (
                        {"rule": rule, "draw": draw, "labels": count}
                        | self._scored(forecast)
                        | {"seconds": time.perf_counter() - started}
                    )

    def _scored(self, forecast: Forecast) -> dict[str, float]:
        chosen = int(np.argmin(forecast.error))
        right = forecast.accuracy
        named = float(self.accuracy.max() - self.accuracy[int(np.argmax(right.w2s))]) if right is not None else np.nan
        return {
            "regret": float(self.error[chosen] - self.error.min()),
            "accuracy_regret": named,
            "bias": float(np.mean(forecast.error - self.error)),
            "spread": float(np.std(forecast.error - self.error)),
        }


def _trainable(labels: Labels, known: Rows) -> bool:
    """Whether gold labels of these rows can be given at all: four, and not all equal."""
    return len(known) >= 4 and bool(np.ptp(labels.targets[known], axis=0).max() > 0.0)


def run(cell: Cell, splits: Sequence[int], done: set[tuple[str, ...]], sheet: csv.DictWriter[str], file: Any) -> None:
    """Add the splits of a cell that are not there yet."""
    strong = f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"
    for split in splits:
        if (cell.task.name, strong, str(split)) in done:
            continue
        world = World.of(cell, split)
        head = {"task": cell.task.name, "strong": strong, "split": split, "candidates": len(world.error)}
        for row in world.rows(split):
            sheet.writerow({k: f"{v:.5f}" if isinstance(v, float) else v for k, v in (head | row).items()})
        file.flush()


def main() -> None:
    """Run, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.suggested_labels", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("suggested_labels.csv"), help="result file, continued if there")
    parser.add_argument("--task", action="append", help="tasks of the record")
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--table", type=Path, help="print the tables of this file")
    options = parser.parse_args()
    if options.table:
        from tests.benchmarks.suggested_labels_table import table

        sys.stdout.write(table(options.table) + "\n")
        return
    done = set()
    if options.o.exists():
        with options.o.open(newline="") as file:
            done = {(row["task"], row["strong"], row["split"]) for row in csv.DictReader(file)}
    with options.o.open("a", newline="") as file:
        sheet = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if not done:
            sheet.writeheader()
        for name in options.task or ():
            for cell in cells(read(name, data_folder()), Extractor()):
                run(cell, range(options.splits), done, sheet, file)


if __name__ == "__main__":
    main()
