"""How far linear heads, and the forecasts made for them, predict end-to-end fine-tuning of the strong model.

    W2S_DATA=FOLDER python -m tests.benchmarks.finetuning -o tests/benchmarks/finetuning.csv
    W2S_DATA=FOLDER python -m tests.benchmarks.finetuning -o tests/benchmarks/finetuning.csv --forecast-only
    W2S_DATA=FOLDER python -m tests.benchmarks.finetuning --settle
    python -m tests.benchmarks.finetuning --table tests/benchmarks/finetuning.csv

Every candidate of a cell teaches twice on the same splits: a head on the student's frozen features, and the student
itself, fine-tuned (weak models keep heads). What fine-tuning measured is kept beside the result (`….measured.csv`), one
row per split and candidate, as soon as a split is done: a second run trains only what is missing there, and
`--forecast-only` nothing. All else is computed anew by `tests.benchmarks.predicted`. Nothing is chosen by an outcome.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from predictor.extraction.extractor import Extractor
from predictor.intake.rows import read_task
from predictor.models.known_models import find
from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.query.training_plan import Training
from predictor.steps import drain
from predictor.training.measures import squared_error
from predictor.training.recipe import Recipe, Tuning
from predictor.training.runs import part_of, training_steps
from tests.benchmarks.accuracy import measured_beside
from tests.benchmarks.lineup import Cell, Task, cells, data_folder, ready

READ = 1200
"""Rows of a task that the cells' rows are drawn from."""


@dataclass(frozen=True)
class Bench:
    """One cell: which task, student and recipe, and which of the lineup's candidates teach.

    Attributes:
        rows: of the task; those beyond `weak_rows` and `student_rows` of the recipe are tested on.
        every: every how manyth candidate of the lineup's cell is taken.
        tried: epochs and rates of which the ceiling of a split outside the record chose the recipe's, see `settle`.
        held_out: whether the cell was laid down after what `tests.benchmarks.predicted` compares.
    """

    task: str
    strong: str
    rows: int
    every: int
    recipe: Recipe
    splits: int
    tried: tuple[tuple[int, float], ...] = ()
    held_out: bool = True

    @property
    def key(self) -> dict[str, str]:
        """What names the cell in the files."""
        asked, tuning = self.recipe, self.recipe.tuning
        words = f"{asked.method}, head on layer {tuning.head_layer}, {tuning.epochs} epochs at {asked.learning_rate:g}"
        test = self.rows - (asked.training.weak_rows or 0) - (asked.training.student_rows or 0)
        return {
            "task": self.task,
            "strong": self.strong,
            "recipe": f"{words}, {asked.training.weak_rows}/{asked.training.student_rows}/{test} rows",
        }


def _recipe(method: Any, layer: str, rows: tuple[int, int], epochs: int, rate: float) -> Recipe:
    tuning = Tuning(epochs=epochs, learning_rate=rate, head_layer=layer)
    return Recipe(method, tuning=tuning, training=Training(weak_rows=rows[0], student_rows=rows[1]))


MOLECULES = _recipe("full", "6", (150, 150), 4, 3e-4)
TEXTS = _recipe("lora", "3", (180, 180), 3, 1e-3)
SENTENCES = replace(TEXTS, training=Training(300, 300))
DEEPER = replace(TEXTS, tuning=replace(TEXTS.tuning, head_layer="4"))
LONGER = _recipe("full", "6", (150, 250), 10, 3e-4)
_MINILM, _RXNFP = "all-MiniLM-L6-v2#layer=3", "rxnfp-bert_ft#layer=6"
BENCHES = (
    Bench("sentence_polarity", _MINILM, 900, 5, SENTENCES, 2, ((3, 1e-3), (6, 1e-3))),
    Bench("subjectivity", "all-mpnet-base-v2#layer=4", 500, 5, DEEPER, 2, ((1, 1e-3), (3, 1e-3))),
    Bench("esol", _RXNFP, 900, 5, LONGER, 2, ((4, 3e-4), (10, 3e-4))),
    Bench("freesolv", _RXNFP, 600, 3, MOLECULES, 2, held_out=False),
    Bench("subjectivity", _MINILM, 500, 5, TEXTS, 2, held_out=False),
    Bench("esol", _RXNFP, 600, 3, MOLECULES, 2, held_out=False),
)
"""Epochs and rates of the cells held out: the lower ceiling of those tried; of the others: settled in the same way."""

OUTSIDE = 100
"""Seed of the split that settings are settled on."""

MEASURED = ("task", "strong", "recipe", "split", "candidate", "weak_error", "tuned_error", "tuned_ceiling", "seconds")

PRECISION = Settings(precision="bf16")


def draw(bench: Bench, folder: Path) -> Task:
    """The rows of a cell."""
    pool, labels = read_task(folder / f"{bench.task}.jsonl")
    for most in (READ, bench.rows):
        if len(pool) > most:
            rows = np.sort(np.random.default_rng(0).permutation(len(pool))[:most])
            pool, labels = pool.take(rows), labels.take(rows)
    return Task(bench.task, pool, labels)


def lineup(bench: Bench, folder: Path, extractor: Extractor) -> Cell:
    """The student at the layer its new head reads, and some of the lineup's candidates, on the bench's rows.

    Features are read for the rows that the task has in the lineup, so that the store serves every benchmark.
    """
    task = draw(replace(bench, rows=READ), folder)
    found = {one.name: one for cell in cells(task, extractor) for one in (cell.strong, *cell.weak)}
    own, rows = bench.strong.partition("#")[0], np.arange(len(task.pool))
    if len(rows) > bench.rows:
        rows = np.sort(np.random.default_rng(0).permutation(len(rows))[: bench.rows])
    cut = {name: replace(one, values=one.values[rows]) for name, one in found.items()}
    weak = [one for name, one in cut.items() if name.partition("#")[0] != own]
    taken = Task(task.name, task.pool.take(rows), task.labels.take(rows))
    return Cell(taken, cut[bench.strong], tuple(weak[:: bench.every]))


def train(bench: Bench, cell: Cell, splits: Sequence[int], path: Path) -> None:
    """Fine-tune under every candidate on these splits; rows are added to the file split by split."""
    from predictor.finetuning.tuner import FineTuner

    recipe, names = bench.recipe.for_labels(cell.task.labels.kind), [one.name for one in cell.weak]
    student = FineTuner.of(_spec(bench), cell.task.pool.texts, PRECISION, recipe)
    weak = [one.values for one in cell.weak]
    for split in splits:
        started = time.process_time()
        part = part_of(len(cell.task.pool), recipe, 0, split)
        found = drain(
            training_steps(student, weak, cell.task.labels, recipe, splits=1, seed=split, names=names, parts=[part])
        )
        seconds = (time.process_time() - started) / (len(names) + 1)
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if fresh:
                writer.writerow(MEASURED)
            for i, name in enumerate(names):
                errors = (found.weak[i, 0], found.w2s[i, 0], found.ceiling[0])
                shown = [*(f"{one:.4f}" for one in errors), f"{seconds:.1f}"]
                writer.writerow([*bench.key.values(), split, name, *shown])
        print(
            f"{' · '.join(bench.key.values())}: split {split}, {seconds:.1f} s a training", file=sys.stderr, flush=True
        )


def settle(bench: Bench, folder: Path) -> None:
    """Print the ceiling of a split outside the record for the epochs and rates tried."""
    from predictor.finetuning.tuner import FineTuner

    task = draw(bench, folder)
    variance = float(np.sum(np.var(task.labels.targets, axis=0)))
    for epochs, rate in bench.tried:
        tuning = replace(bench.recipe.tuning, epochs=epochs, learning_rate=rate)
        recipe = replace(bench.recipe, tuning=tuning).for_labels(task.labels.kind)
        part = part_of(len(task.pool), recipe, OUTSIDE, 0)
        learner = FineTuner.of(_spec(bench), task.pool.texts, PRECISION, recipe).on(part.student, part.test)
        started = time.process_time()
        learned = learner.learn(task.labels.targets[part.student], OUTSIDE, gold=True)
        error = squared_error(learned, task.labels.targets[part.test]) / variance
        key = replace(bench, recipe=recipe).key
        print(f"{' · '.join(key.values())}: {error:.3f}, {time.process_time() - started:.0f} s", flush=True)


def _spec(bench: Bench) -> ModelSpec:
    return ModelSpec("strong", ready(find(bench.strong.partition("#")[0])))


def measured_rows(path: Path, bench: Bench) -> list[dict[str, str]]:
    """What is kept of one cell."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[k] == v for k, v in bench.key.items())]


def main() -> None:
    """Train what is missing, forecast all of it, print the tables."""
    from tests.benchmarks import predicted

    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.finetuning", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("finetuning.csv"), help="result file (CSV)")
    parser.add_argument("--forecast-only", action="store_true", help="train nothing; forecast what was measured before")
    parser.add_argument("--settle", action="store_true", help="print the ceilings that settled epochs and rates")
    parser.add_argument("--table", type=Path, help="print the tables of this result file and stop")
    parser.add_argument("--cell", metavar="N", type=int, action="append", help="only these cells, counted from 0")
    options = parser.parse_args()
    if options.table:
        print(predicted.tables(options.table))
        return
    folder, extractor = data_folder(), Extractor()
    benches = [BENCHES[i] for i in options.cell or range(len(BENCHES))]
    if options.settle:
        for bench in benches:
            settle(bench, folder)
        return
    kept = measured_beside(options.o)
    for bench in [] if options.forecast_only else benches:
        done = {int(row["split"]) for row in measured_rows(kept, bench)}
        missing = [split for split in range(bench.splits) if split not in done]
        if missing:
            train(bench, lineup(bench, folder, extractor), missing, kept)
    predicted.write(options.o, kept, [(bench, lineup(bench, folder, extractor)) for bench in benches])
    print(predicted.tables(options.o))


if __name__ == "__main__":
    main()
