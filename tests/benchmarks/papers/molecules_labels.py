"""Molecules with labels: orders that see weak labels, or the gold labels of D~ of one split.

    W2S_DATA=FOLDER nice -n 19 python -m tests.benchmarks.papers.molecules_labels

Students are trained on six cuts of the other rows, each with this D~. The file is continued where it was stopped;
`tests.benchmarks.papers.molecules` shows it.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path

import numpy as np

from predictor.extraction.extractor import Extractor
from predictor.query.settings import Settings
from predictor.steps import drain
from predictor.validation.validate import validation_steps
from tests.benchmarks.lineup import Cell, InMemory, data_folder, read
from tests.benchmarks.papers import molecule_cells
from tests.benchmarks.papers.pretrain import trained
from tests.benchmarks.papers.zoo import SMILES
from tests.benchmarks.sheet import continued

FILE = Path(__file__).with_suffix(".csv")
LABELLED = ("weak_labels", "few_labels")
ORDERS = ("combined", "consensus_truth", "truth_posterior", "misfit", "misfit_selection", "logme")


@dataclass(frozen=True)
class Scored:
    """One order of one cell: ρ with the W2S error and the gain, and the regret of its first choice."""

    task: str
    student: str
    teachers: int
    order: str
    evidence: str
    rho: float | None
    rho_gain: float | None
    regret: float | None


def scored(population: molecule_cells.Population) -> Iterator[Scored]:
    """Every order with labels."""
    cell = Cell(population.task, population.strong, population.weak)
    asked = validation_steps(
        cell.query(Settings(estimators=("combined",))),
        population.task.labels,
        InMemory(cell.models),
        task=population.task.name,
        splits=2,
        labelled_splits=1,
    )
    for one in drain(asked).scores:
        if one.evidence in LABELLED and one.estimator in ORDERS:
            about = population.task.name, population.student, len(population.weak), f"`{one.estimator}`", one.evidence
            yield Scored(*about, one.spearman_error, one.spearman_gain, one.regret)


def table() -> str:
    """A line per order, the best of each evidence last."""
    rows = list(csv.DictReader(FILE.open(newline="", encoding="utf-8")))
    lines = [
        "| evidence | order by | teachers | cells | ρ with W2S error | worst cell | ρ with gain "
        "| regret, mean · worst |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    found = []
    for key in {(row["evidence"], row["order"], row["teachers"]) for row in rows}:
        own = [row for row in rows if (row["evidence"], row["order"], row["teachers"]) == key]
        rho, gain, lost = (
            np.array([float(row[name]) for row in own if row[name]]) for name in ("rho", "rho_gain", "regret")
        )
        gains = f"{gain.mean():.2f}" if len(gain) else "–"
        line = f"| {' | '.join(key)} | {len(own)} | {rho.mean():.2f} | {rho.min():.2f} | {gains} | "
        found.append((key[0], float(rho.mean()), line + f"{lost.mean():.3f} · {lost.max():.3f} |"))
    return "\n".join([*lines, *(line for _, _, line in sorted(found))])


def main() -> None:
    """Append the cells that the file lacks."""
    extractor, members = Extractor(), len(trained(SMILES))
    with continued(FILE, [one.name for one in fields(Scored)], ("task", "student")) as sheet:
        for student, task in product(molecule_cells.STUDENTS, molecule_cells.TASKS):
            if (task, student[0]) not in sheet.done:
                rows = read(task, data_folder())
                for one in scored(molecule_cells.Population.read(rows, student, extractor, members)):
                    sheet.write(asdict(one))
                print(f"{task} · {student[0]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
