"""How many gold labels the choice of a teacher needs, of rows that are suggested and of others.

    W2S_DATA=FOLDER python -m tests.benchmarks.suggested_labels -o tests/benchmarks/suggested_labels.csv --task esol
    python -m tests.benchmarks.suggested_labels --table tests/benchmarks/suggested_labels.csv

`--task` may be given several times. Resumable: draws that the file has are not computed again. 800 rows a task.
Teachers are ridge heads trained on a third of the rows; candidates are every second layer of the other models, about
twenty. Gold labels can be had of the rest, which the teachers label. Students are really trained on these labels,
each row predicted by one that did not see it, and the regret is their measured error, in label variance, less the
least of any. The choice is that of `truth` from the weak labels and the gold labels at hand. Rows come from

* `suggested`: `--suggest-labels`, asked anew at every step, as in use;
* `random`: any;
* `variance`: drawn by how much the losses of students are expected to differ, as Matsuura and Hara do ("Active Model
  Selection: A Variance Minimization Approach", RealML workshop 2023).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.decision.draws import centred_on
from predictor.decision.label_value import regret_shares
from predictor.estimators.cross_fitted_students import by_ridge
from predictor.estimators.label_stakes import label_stake
from predictor.estimators.label_truths import LabelTruths
from predictor.estimators.problem import Case, Representation
from predictor.estimators.truth import TruthForecast
from predictor.extraction.extractor import Extractor
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.training.splits import cut
from tests.benchmarks.lineup import Cell, cells, data_folder, read
from tests.benchmarks.one_truth import shown, teachers
from tests.benchmarks.sheet import Sheet, continued

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

COUNTS = (0, 10, 20, 50, 100, 200)
DRAWS = {"random": 4, "suggested": 4, "variance": 1}
HALVINGS = 4
COLUMNS = ("task", "strong", "split", "candidates", "rule", "draw", "labels", "regret", "bias", "spread")
KEY = ("task", "strong", "split", "rule", "draw")


@dataclass(frozen=True, eq=False)
class Cached(TruthForecast):
    """The estimator with the kernels and the posterior of the rows labelled last kept."""

    found: dict[bytes, Any] = field(default_factory=dict)

    def kernels(self, case: Case) -> tuple[Array, ...]:
        """As the estimator's, made once per set of labelled rows."""
        key = b"kernels" + (b"" if case.labels is None else np.flatnonzero(case.labels.known).tobytes())
        if key not in self.found:
            for old in [one for one in self.found if one.startswith(b"kernels")]:
                del self.found[old]
            self.found[key] = super().kernels(case)
        kernels: tuple[Array, ...] = self.found[key]
        return kernels

    def truths(self, case: Case, known: Rows) -> LabelTruths:
        """As the estimator's, made once per set of labelled rows."""
        key = b"known" + np.sort(known).tobytes()
        if key not in self.found:
            self.found.update({key: super().truths(case, np.sort(known))})
            for old in [one for one in self.found if one.startswith(b"known") and one != key]:
                del self.found[old]
        truths: LabelTruths = self.found[key]
        return truths


@dataclass(frozen=True, eq=False)
class World:
    """One cell and split: the evidence without gold labels, and what was measured.

    Attributes:
        labels: of every row.
        error: (m,) measured of students, in label variance, on HALVINGS halvings of the rows.
        students: (h, m, n, k) answers of students on as many others, which predictions are of.
    """

    case: Case
    labels: Labels
    error: Array
    students: Array
    estimator: Cached

    @classmethod
    def of(cls, cell: Cell, split: int) -> World:
        """Train teachers on a third of the rows, and students on what they say of the others."""
        targets = cell.task.labels.targets
        part = cut(len(targets), len(targets) // 3, len(targets) // 3, np.random.default_rng([split, 13]))
        rows = np.sort(np.concatenate([part.student, part.test]))
        weak = tuple(Representation.of(one) for one in cell.weak[::2])
        tables = teachers(weak, targets, part.weak, rows, "soft")
        strong, candidates = Representation.of(cell.strong).take(rows), tuple(one.take(rows) for one in weak)
        train = by_ridge(strong.features, Training(), np.random.default_rng([split, 17]))
        learned = np.stack([train(np.stack(tables)) for _ in range(2 * HALVINGS)])
        students, measured = np.split(learned, 2)
        missed = np.mean(np.sum((measured - targets[rows]) ** 2, axis=3), axis=(0, 2))
        given = {one.name: table for one, table in zip(candidates, tables, strict=True)}
        case, labels = Case(strong, candidates, None, given), cell.task.labels.take(rows)
        error = missed / float(np.sum(np.var(targets, axis=0)))
        return cls(case, labels, error, students, Cached(halvings=2, draws=32, shuffles=0))

    def given(self, known: Rows) -> Case:
        """The evidence with gold labels of these rows."""
        labels = shown(self.labels, known) if len(known) else None
        return Case(self.case.strong, self.case.weak, labels, self.case.weak_labels)

    def predicted(self, known: Rows) -> Array:
        """(m,) Err_w2s that the estimator predicts of these students: its forecast without draws."""
        truths = self.estimator.truths(self.given(known), known)
        mean, variance = truths.moments(truths.order)
        missed = np.sum((truths.coding.labels(self.students) - mean) ** 2, axis=3)
        found: Array = np.mean(missed, axis=(0, 2)) + float(np.mean(variance)) * mean.shape[1]
        return found

    def next_rows(self, rule: str, known: Rows, count: int, rng: np.random.Generator) -> Rows:
        """Rows to label next."""
        every = np.arange(len(self.labels.targets))
        free = np.setdiff1d(every, known)
        if rule == "random":
            return rng.permutation(free)[:count]
        case = self.given(known)
        if rule == "variance":
            shares = self._differences(known)[free]
            return rng.choice(free, count, replace=False, p=shares / shares.sum())
        forecast = self.estimator.forecast(case)
        _, stake = label_stake(case, accuracy=False, estimator=self.estimator)
        lead, shares = regret_shares(centred_on(forecast.error, forecast.error_draws).T)
        return stake.choose(lead, shares, count, np.isin(every, free), rng).rows

    def _differences(self, known: Rows) -> Array:
        """(n,) root of the expected squared differences between the losses of any two students of a row.

        With the losses (f − y)², and the label's mean and variance under the truth posterior.
        """
        truths = self.estimator.truths(self.given(known), known)
        mean, variance = truths.moments(truths.order)
        beside = truths.coding.labels(self.students[0]) - mean
        squares = np.sum(beside**2, axis=2)
        apart = len(squares) * np.sum((squares - squares.mean(axis=0)) ** 2, axis=0)
        noisy = len(squares) * np.sum((beside - beside.mean(axis=0)) ** 2, axis=(0, 2)) * 4.0 * variance
        found: Array = np.sqrt(apart + noisy) + 1e-12
        return found

    def rows(self, split: int, rule: str, draw: int) -> Iterator[dict[str, Any]]:
        """A result per number of labels."""
        rng, known = np.random.default_rng([split, draw, 23]), np.empty(0, dtype=np.intp)
        for count in COUNTS:
            if count:
                known = np.concatenate([known, self.next_rows(rule, known, count - len(known), rng)])
                if not _trainable(self.labels, known):
                    continue
            beside = self.predicted(known) - self.error
            chosen = int(np.argmin(beside + self.error))
            yield {
                "rule": rule,
                "draw": draw,
                "labels": count,
                "regret": float(self.error[chosen] - self.error.min()),
                "bias": float(np.mean(beside)),
                "spread": float(np.std(beside)),
            }


def _trainable(labels: Labels, known: Rows) -> bool:
    """Whether gold labels of these rows can be given at all: four, and not all equal."""
    return len(known) >= 4 and bool(np.ptp(labels.targets[known], axis=0).max() > 0.0)


def run(cell: Cell, splits: Sequence[int], sheet: Sheet) -> None:
    """Add the draws of a cell that are not there yet, one of every rule before the next."""
    strong = f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"
    for split in splits:
        asked = [(rule, draw) for draw in range(max(DRAWS.values())) for rule in DRAWS if draw < DRAWS[rule]]
        asked = [one for one in asked if (cell.task.name, strong, str(split), one[0], str(one[1])) not in sheet.done]
        if not asked:
            continue
        world = World.of(cell, split)
        head = {"task": cell.task.name, "strong": strong, "split": split, "candidates": len(world.error)}
        for rule, draw in asked:
            for row in [head | one for one in world.rows(split, rule, draw)]:
                sheet.write(row)


def main() -> None:
    """Run, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.suggested_labels", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("suggested_labels.csv"), help="result file, continued if there")
    parser.add_argument("--task", action="append", help="tasks of the record")
    parser.add_argument("--strong", type=int, default=1, help="strong models per task, three at most (%(default)s)")
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--table", type=Path, help="print the tables of this file")
    options = parser.parse_args()
    if options.table:
        from tests.benchmarks.suggested_labels_table import table

        sys.stdout.write(table(options.table) + "\n")
        return
    with continued(options.o, COLUMNS, KEY) as sheet:
        for name in options.task or ():
            for cell in cells(read(name, data_folder()), Extractor())[: options.strong]:
                run(cell, range(options.splits), sheet)


if __name__ == "__main__":
    main()
