"""How well an order of real outcomes can be predicted at all from one D~, and how well it is.

    W2S_DATA=FOLDER python -m tests.benchmarks.reach --set first -o tests/benchmarks/reach.csv
    python -m tests.benchmarks.reach --table

The noise of the rows on which students are taught and tested is in every measurement and in no forecast. So the rows
are cut into two halves, heads are taught SPLITS times on a random third of all rows, D~, and teach students, RECUTS
times each, on what D~ leaves of the one half and on what it leaves of the other. r is the rank correlation of the
candidates' mean outcomes in the one half with those in the other: of each D~ alone, and of the means over all of them,
which is what the record (`tests.benchmarks.accuracy`) compares. Of both halves together the reliability is
2 r / (1 + r) (Spearman 1910, Brown 1910), and a forecast that knew all but the noise would reach its square root.

Beside it: what forecasts reach that are made for each of PREDICTED D~ alone, as a user has one.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from predictor.extraction.extractor import Extractor
from predictor.query.settings import Settings
from predictor.ranking.answer import answer_steps
from predictor.ranking.candidate import PendingCandidate
from predictor.ranking.gathering import Gathered
from predictor.ranking.selection import Selection
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from predictor.steps import drain
from predictor.training.learners import student_heads
from predictor.training.outcomes import Outcomes
from predictor.training.recipe import Recipe
from predictor.training.runs import part_of, training_steps
from predictor.training.splits import Parts, Rows
from predictor.validation.validate import reveal
from tests.benchmarks.accuracy import RECORDS, measured_beside
from tests.benchmarks.lineup import SETS, Cell, cells, data_folder, read
from tests.benchmarks.record import signal

SPLITS = 6
RECUTS = 6
PREDICTED = 2
ESTIMATORS = ("consensus_truth", "truth_posterior")
COLUMNS = (
    *("task", "strong", "error_of_each", "error_of_means", "gain_of_each", "gain_of_means"),
    *(f"{estimator}_{quantity}" for estimator in ESTIMATORS for quantity in ("error", "gain")),
)

FILES = {
    name: Path(__file__).parent / f"reach{end}.csv"
    for name, end in (("first", ""), ("second", "_second"), ("third", "_third"))
}


def measured(cell: Cell) -> dict[str, float]:
    """Rank correlations between two disjoint halves of the rows, and of forecasts with what was measured."""
    rows, recipe = len(cell.task.pool), Recipe().for_labels(cell.task.labels.kind)
    rng = np.random.default_rng(0)
    first = rng.permutation(rows) < rows // 2
    halves = np.empty((2, 2, SPLITS, len(cell.weak)))
    predicted: dict[str, list[float]] = {}
    for split in range(SPLITS):
        cut = part_of(rows, recipe, 0, split, None)
        rest = np.concatenate([cut.student, cut.test])
        for side, half in enumerate((rest[first[rest]], rest[~first[rest]])):
            halves[:, side, split] = _means(_trained(cell, recipe, cut.weak, half, rng))
        if split < PREDICTED:
            whole = _means(_trained(cell, recipe, cut.weak, rest, rng))
            for estimator in ESTIMATORS:
                for quantity, stated, came in zip(
                    ("error", "gain"), _stated(cell, estimator, cut.weak), whole, strict=True
                ):
                    predicted.setdefault(f"{estimator}_{quantity}", []).append(rank_correlation(stated, came) or 0.0)
    numbers = {name: float(np.mean(rhos)) for name, rhos in predicted.items()}
    for quantity, (one, other) in zip(("error", "gain"), halves, strict=True):
        each = [rank_correlation(a, b) or 0.0 for a, b in zip(one, other, strict=True)]
        numbers[f"{quantity}_of_each"] = float(np.mean(each))
        numbers[f"{quantity}_of_means"] = rank_correlation(one.mean(axis=0), other.mean(axis=0)) or 0.0
    return numbers


def _trained(cell: Cell, recipe: Recipe, weak: Rows, rest: Rows, rng: np.random.Generator) -> Outcomes:
    """RECUTS trainings with one D~, on random halves of the rest."""
    cuts = [np.array_split(rng.permutation(rest), 2) for _ in range(RECUTS)]
    student = student_heads(cell.strong.values, recipe)
    values, parts = [one.values for one in cell.weak], [Parts(weak, *cut) for cut in cuts]
    return drain(training_steps(student, values, cell.task.labels, recipe, splits=RECUTS, seed=0, parts=parts))


def _means(outcomes: Outcomes) -> tuple[Array, Array]:
    return outcomes.w2s.mean(axis=1), outcomes.gain.mean(axis=1)


def _stated(cell: Cell, estimator: str, weak: Rows) -> tuple[Array, Array]:
    """(m,) predicted errors and gains, given the gold labels of D~."""
    query = replace(cell.query(Settings(estimators=(estimator,))), labels=reveal(cell.task.labels, weak))
    weak = tuple(PendingCandidate(spec, one) for spec, one in zip(query.weak, cell.weak, strict=True))
    steps = answer_steps(query, Selection.of(query), Gathered(cell.strong, weak))
    found = {one.name: one.estimates[estimator] for one in drain(steps).candidates}
    estimates = [found[one.name] for one in cell.weak]
    return np.array([e.value for e in estimates]), np.array([e.details["gain"] for e in estimates])


def reach(r: float) -> float:
    """The square root of the reliability of both halves together; 0 where they do not agree."""
    return float(np.sqrt(2.0 * r / (1.0 + r))) if r > 0.0 else 0.0


def table() -> str:
    """Per set, over the cells with something to learn: mean and worst of what can be reached, and of what is."""
    able = {cell for path in RECORDS.values() for cell in signal(measured_beside(path))}
    lines = [
        "| | tasks | cells | at most, of means over D~ | at most, of one D~ | "
        + " | ".join(f"`{estimator}`, of one D~" for estimator in ESTIMATORS)
        + " |",
        "|---|---|---:|---:|---:|" + "---:|" * len(ESTIMATORS),
    ]
    for quantity in ("error", "gain"):
        for name, path in FILES.items():
            with path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if (row["task"], row["strong"]) in able]
            most = [[reach(float(row[f"{quantity}_of_{of}"])) for row in rows] for of in ("means", "each")]
            reached = [[float(row[f"{estimator}_{quantity}"]) for row in rows] for estimator in ESTIMATORS]
            shown = " | ".join(_spread(values) for values in (*most, *reached))
            lines.append(f"| {quantity} | {name} | {len(rows)} | {shown} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} / {min(values):.2f}"


def main() -> None:
    """Train and predict, or print the table of the committed files."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.reach", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("reach.csv"), help="result file (CSV)")
    parser.add_argument("--set", choices=FILES, default="first", help="which tasks (%(default)s)")
    parser.add_argument("--table", action="store_true", help="print the figures of the committed files and stop")
    options = parser.parse_args()
    if options.table:
        print(table())
        return
    folder, extractor = data_folder(), Extractor()
    with options.o.open("w", newline="") as file:
        sheet = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        sheet.writeheader()
        for name in SETS[options.set]:
            for cell in cells(read(name, folder), extractor):
                started = time.perf_counter()
                about = {"task": name, "strong": f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"}
                sheet.writerow(about | {key: f"{rho:.4f}" for key, rho in measured(cell).items()})
                file.flush()
                print(f"{name} · {cell.strong.name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
