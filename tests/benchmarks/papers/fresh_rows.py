"""Fresh rows: how alike the orders of teachers are on two samples of rows of one task.

    W2S_DATA=FOLDER nice -n 19 python -m tests.benchmarks.papers.fresh_rows > tests/benchmarks/papers/fresh_rows.md

Cells of `molecules` are measured on one sample of rows each. Here the same students are trained once more, on rows that
are in no cell. The file is continued where it was stopped; `--table` only writes the page.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from predictor.extraction.extractor import Extractor
from predictor.query.source import FeatureSet
from predictor.statistics.rank_correlation import rank_correlation
from predictor.training.runs import train_w2s
from tests.benchmarks.lineup import MAX_ROWS, Task, data_folder, read
from tests.benchmarks.papers import molecule_cells
from tests.benchmarks.papers.population import Measured
from tests.benchmarks.papers.population_cell import LEFT_OUT, NOTHING, PopulationCell, load
from tests.benchmarks.papers.pretrain import trained
from tests.benchmarks.papers.zoo import SMILES
from tests.benchmarks.sheet import continued

MOLECULES = ("chembl234", "chembl237", "lipophilicity")
SPLITS = molecule_cells.SPLITS
FILE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class FreshRows:
    """Spearman's ρ between one sample of rows and another.

    Attributes:
        splits: ρ of the errors on every other split of the same rows, as `PopulationCell.reach` corrects it.
        w2s, weak: of measured errors on both samples.
        truth, left_out: of the order on the cell's rows with errors on these rows.
        truth_fresh, left_out_fresh: of the same order with errors on the fresh rows.
    """

    task: str
    student: str
    teachers: int
    splits: float
    w2s: float
    weak: float
    truth: float
    truth_fresh: float
    left_out: float
    left_out_fresh: float


@dataclass(frozen=True, eq=False)
class Trained:
    """Errors of teachers and their students on the fresh rows, by the teachers' names."""

    task: str
    student: str
    w2s: dict[str, float]
    weak: dict[str, float]

    @classmethod
    def of(cls, task: Task, student: str, strong: FeatureSet, weak: Mapping[str, FeatureSet]) -> Trained:
        """Train on random thirds."""
        found = train_w2s(strong.values, [one.values for one in weak.values()], task.labels, splits=SPLITS)
        errors = (dict(zip(weak, one.mean(axis=1).tolist(), strict=True)) for one in (found.w2s, found.weak))
        return cls(task.name, student, *errors)


def repeated(extractor: Extractor, name: str, wanted: Sequence[str]) -> Iterator[tuple[Trained, PopulationCell]]:
    """Stored cells of a task, each with the same teachers on fresh rows."""
    members, task = len(trained(SMILES)), read(name, data_folder(), MAX_ROWS)
    for student in molecule_cells.STUDENTS:
        path = molecule_cells.place(name, student[0], members)
        if student[0] in wanted and path.exists():
            found = molecule_cells.Population.read(task, student, extractor, members)
            yield Trained.of(task, student[0], found.strong, {one.name: one for one in found.weak}), load(path)


def compared(cell: PopulationCell, fresh: Trained) -> FreshRows:
    """A cell beside the same teachers on fresh rows."""
    here = Measured.of(cell)
    again, weak_again = (np.array([errors[name] for name in here.names]) for errors in (fresh.w2s, fresh.weak))
    truth, share = (np.array(cell.one[name].error) for name in (NOTHING, LEFT_OUT))
    pairs = [
        *((here.w2s_error, again), (here.weak_error, weak_again)),
        *((truth, here.w2s_error), (truth, again), (share, here.w2s_error), (share, again)),
    ]
    rho = (rank_correlation(a, b) or 0.0 for a, b in pairs)
    return FreshRows(cell.task, cell.student, len(here.names), cell.reach**2, *rho)


def table() -> str:
    """A line per cell, the least repeatable first."""
    rows = list(csv.DictReader(FILE.open(encoding="utf-8")))
    lines = [
        "| task · student | teachers | same rows, other splits | fresh rows | weak error, fresh rows "
        "| `truth`: own rows · fresh | left-out share: own rows · fresh |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda row: float(row["w2s"])):
        rho = {one.name: f"{float(row[one.name]):.2f}" for one in fields(FreshRows)[3:]}
        lines.append(
            f"| {row['task']} · {row['student']} | {row['teachers']} | {rho['splits']} | "
            f"{rho['w2s']} | {rho['weak']} | {rho['truth']} · {rho['truth_fresh']} | "
            f"{rho['left_out']} · {rho['left_out_fresh']} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Append the cells that the file lacks, and write the page to standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.papers.fresh_rows", description=__doc__)
    parser.add_argument("--table", action="store_true", help="only the page")
    options, extractor = parser.parse_args(), Extractor()
    with continued(FILE, [one.name for one in fields(FreshRows)], ("task", "student")) as sheet:
        for task in () if options.table else MOLECULES:
            wanted = [name for name, _ in molecule_cells.STUDENTS if (task, name) not in sheet.done]
            for fresh, cell in repeated(extractor, task, wanted) if wanted else ():
                sheet.write(asdict(compared(cell, fresh)))
                print(f"{task} · {cell.student}", file=sys.stderr, flush=True)
    sys.stdout.write(PAGE.format(table=table(), splits=SPLITS, rows=MAX_ROWS))


PAGE = """# How far an order of teachers repeats

Made by `W2S_DATA=FOLDER python -m tests.benchmarks.papers.fresh_rows`; every figure is in
[fresh_rows.csv](fresh_rows.csv).

**Setting.** Outcomes of [molecules](molecules.md) are means over random thirds of the same {rows} rows. Here all
students are trained once more, on {splits} thirds of {rows} other rows of the same task. Figures are Spearman's ρ
between two orders of the same teachers. *Same rows, other splits*: reliability of the means, the square of the reach.
*Fresh rows*: between the errors measured on both samples.

{table}

## What it says

Written of one cell.

* **Splits of the same rows repeat an order that other rows do not.** With 24 thirds of 800 rows the order of 160
  teachers has a reliability of .90, on other rows of the task .60. So what an order can reach that does not know the
  labels of these very rows is about the root of that, .77, and not .95. The teachers' own errors repeat no better
  (.61).
* **`truth` orders other rows as well as its own** (.38 and .39): it sees no label.
* **Not measured**: the other cells, with which the command continues; texts.
"""

if __name__ == "__main__":
    main()
