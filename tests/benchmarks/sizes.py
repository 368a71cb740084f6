"""Does a forecast for the training that will be run predict it better than one for equal thirds? On real models.

    W2S_DATA=FOLDER python -m tests.benchmarks.sizes -o tests/benchmarks/sizes.md

Every candidate of every cell is really trained on SPLITS random splits at the sizes of TRAININGS. Each training is
predicted without labels from all rows at hand, for thirds and for its own sizes; and from SAMPLE of these rows, too few
for it, where D~ and D^ must shrink: by the rule of the product, or at the ratio that was asked for. Nothing is chosen
by an outcome, and every cell is written; what stands above the tables in the file stays.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Forecast
from predictor.extraction.extractor import Extractor
from predictor.query.training_plan import Training
from predictor.training.outcomes import Outcomes
from predictor.training.recipe import Recipe
from predictor.training.runs import train_w2s
from predictor.validation.scoring import rank_correlation
from tests.benchmarks.lineup import Cell, cells, data_folder, read

MARK = "<!-- tables: everything below is written by the command -->"
TASKS = ("esol", "subjectivity", "sentence_polarity")
TRAININGS = ((60, 400), (200, 400))
SAMPLE = 250
SPLITS = 32

PAIRS = (("thirds", "own sizes"), ("the product's rule", "the ratio asked for"))

Sizes = tuple[int, int]


@dataclass(frozen=True)
class Row:
    """One forecast of one training of one cell.

    Attributes:
        forecast: which of PAIRS.
        measured, predicted: W2S error, mean over candidates, in label variances.
        spearman_error, spearman_gain: rank correlation with what was measured.
        mae_error, mae_gain: mean absolute error over candidates.
    """

    cell: str
    sizes: Sizes
    forecast: str
    measured: float
    predicted: float
    spearman_error: float | None
    spearman_gain: float | None
    mae_error: float
    mae_gain: float


FIGURES = tuple(field.name for field in fields(Row))[3:]
HEAD = (
    "| task · student (candidates) | measured error | predicted | | ρ error | | ρ gain | | mean absolute error "
    "| | of gain | |"
)


def measure(cell: Cell, sizes: Sizes) -> Outcomes:
    """The real thing, ridges by leave-one-out cross-validation."""
    weak = [one.values for one in cell.weak]
    recipe = Recipe(training=Training(weak_rows=sizes[0], student_rows=sizes[1]))
    return train_w2s(cell.strong.values, weak, cell.task.labels, splits=SPLITS, recipe=recipe)


def forecasts(cell: Cell) -> Iterator[tuple[Sizes, str, Forecast]]:
    """Each kind of forecast of each training."""
    strong, *weak = (Representation.of(one) for one in (cell.strong, *cell.weak))
    case = Case(strong, tuple(weak))
    few = case.take(np.sort(np.random.default_rng(0).permutation(case.rows)[:SAMPLE]))
    predict = LabelPriorSimulation().forecast
    thirds = predict(case)
    for sizes in TRAININGS:
        room, asked = round(0.9 * SAMPLE), Training(*sizes)
        share = max(8, round(room * sizes[0] / sum(sizes)))
        yield sizes, "thirds", thirds
        yield sizes, "own sizes", predict(replace(case, training=asked))
        yield sizes, "the product's rule", predict(replace(few, training=asked))
        yield sizes, "the ratio asked for", predict(replace(few, training=Training(share, room - share)))


def compared(cell: Cell) -> Iterator[Row]:
    """Every forecast of every training against what was measured."""
    name = f"{cell.task.name} · {cell.strong.name.partition('#')[0]} ({len(cell.weak)})"
    outcomes = {sizes: measure(cell, sizes) for sizes in TRAININGS}
    for sizes, kind, cast in forecasts(cell):
        error, gain = outcomes[sizes].w2s.mean(axis=1), outcomes[sizes].gain.mean(axis=1)
        yield Row(
            name,
            sizes,
            kind,
            float(np.mean(error)),
            float(np.mean(cast.error)),
            rank_correlation(cast.error, error),
            rank_correlation(cast.gain, gain),
            float(np.mean(np.abs(cast.error - error))),
            float(np.mean(np.abs(cast.gain - gain))),
        )


def tables(rows: Sequence[Row]) -> str:
    """One table per training and pair of forecasts that stand against each other."""
    lines = []
    for sizes in TRAININGS:
        for pair, where in ((PAIRS[0], "all rows at hand"), (PAIRS[1], f"{SAMPLE} of the rows")):
            lines += ["", f"### {sizes[0]} + {sizes[1]} rows, predicted from {where}: {pair[0]} | {pair[1]}", "", HEAD]
            lines.append("|---|" + "---:|" * (HEAD.count("|") - 2))
            shown = [[r for r in rows if (r.sizes, r.forecast) == (sizes, kind)] for kind in pair]
            lines += [_line(*both) for both in zip(*shown, strict=True)]
            lines.append(_line(*(_mean(some) for some in shown)))
    return "\n".join(lines) + "\n"


def _mean(rows: Sequence[Row]) -> Row:
    means = (float(np.mean([r for r in (getattr(row, name) for row in rows) if r is not None])) for name in FIGURES)
    return Row("**mean**", rows[0].sizes, rows[0].forecast, *means)


def _line(one: Row, other: Row) -> str:
    cells = [one.cell, f"{one.measured:.2f}"]
    for name in FIGURES[1:]:
        cells.append(" | ".join("–" if v is None else f"{v:.2f}" for v in (getattr(r, name) for r in (one, other))))
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure every cell and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sizes", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("sizes.md"), help="result file (Markdown)")
    options = parser.parse_args()
    folder, extractor, rows = data_folder(), Extractor(), []
    with threadpool_limits(limits=1, user_api="blas"):
        for task in TASKS:
            for cell in cells(read(task, folder), extractor):
                started = time.process_time()
                rows += list(compared(cell))
                print(f"{rows[-1].cell}: {time.process_time() - started:.0f} s of a core", file=sys.stderr)
    made = datetime.now(UTC).date().isoformat()
    load = f"{os.getloadavg()[0]:.1f}"
    head = options.o.read_text().partition(MARK)[0] if options.o.exists() else ""
    options.o.write_text(f"{head}{MARK}\n\nMade {made} on 2 vCPU, load average {load}.\n{tables(rows)}")


if __name__ == "__main__":
    main()
