"""Does it help to train the student on the rows that the evidence trusts alone, and does the advice know when?

    W2S_DATA=FOLDER python -m tests.benchmarks.filtering -o tests/benchmarks/filtering.csv
    python -m tests.benchmarks.filtering --table tests/benchmarks/filtering.csv > tests/benchmarks/filtering.md

A cell is a task and one strong model; candidates are one layer of every other model. Teachers are ridge heads on a
third of the rows. Students are trained on their labels of the rest, as they are, refined by linear concepts, or on the
trusted rows alone (`predictor.estimators.trusted_rows`), and tested on the other half of these rows. The advice is that
of `refinement` with the gold labels of D~. Gains are in label variance. Nothing was chosen after looking.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from predictor.estimators.problem import Case
from predictor.estimators.somerstep2024 import LinearRefiner, Refinement, disjoint_contexts, route_gains
from predictor.extraction.extractor import Extractor
from predictor.training.splits import cut
from tests.benchmarks.lineup import Cell, cells, data_folder, read
from tests.benchmarks.one_truth import population, shown, teachers

TASKS = (
    *("subjectivity", "sentence_polarity", "ethics_justice", "ethics_deontology", "ethics_virtue"),
    *("freesolv", "esol", "tox21_sr_are"),
)
ROUTES = ("naive", "refined", "filtered")
CONTEXT = 16
COLUMNS = ("task", "strong", "candidate", *ROUTES, *(f"predicted_{one}" for one in ROUTES))


def rows_of(cell: Cell) -> Iterator[dict[str, Any]]:
    """A row per candidate: the gain of each route, measured and predicted."""
    strong, weak, _ = population(cell, "models")
    targets = cell.task.labels.targets
    part = cut(len(targets), len(targets) // 3, len(targets) // 3, np.random.default_rng([0, 13]))
    rest = np.sort(np.concatenate([part.student, part.test]))
    case = Case(strong, weak, shown(cell.task.labels, part.weak))
    variance, here = float(np.sum(np.var(targets[part.weak], axis=0))), strong.features[rest]
    contexts, _ = disjoint_contexts(len(rest), CONTEXT, np.random.default_rng(29))
    tables = teachers(weak, targets, part.weak, rest, "soft")
    for candidate, labels, found in zip(weak, tables, Refinement().estimate(case), strict=True):
        refined = LinearRefiner.of(here, labels).relabel(labels, contexts)
        measured = route_gains(here, labels, refined, targets[rest], variance, np.random.default_rng(31))
        own = found.details or {}
        yield (
            {"task": cell.task.name, "strong": strong.name.partition("#")[0], "candidate": candidate.name}
            | {one: measured[f"gain_{one}"] for one in ROUTES}
            | {f"predicted_{one}": own.get(f"gain_{one}") for one in ROUTES}
        )


def table(path: Path) -> str:
    """Means per cell, and what rules gain."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["predicted_naive"]]
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["strong"]), []).append(row)
    lines = [
        "| task | student | candidates | plain | refined | trusted rows | trusted helped | advised trusted | right | "
        "by the advice | best route |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [f"| {task} | {strong} | {_line(found)} |" for (task, strong), found in sorted(groups.items())]
    lines.append(f"| all | | {_line(rows)} |")
    about = (__doc__ or "").partition("\n\n")[2].strip("\n")
    heads = (
        "Mean gains over candidates; `helped`: share in which the trusted rows trained a better student than all rows; "
    )
    heads += "`advised`: share in which they were predicted to; `right`: share in which that prediction came true."
    return "\n\n".join(["# Train on the trusted rows alone?", about, heads, "\n".join(lines)])


def _line(rows: list[dict[str, str]]) -> str:
    measured, predicted = (
        np.array([[float(row[f"{kind}{one}"]) for one in ROUTES] for row in rows]) for kind in ("", "predicted_")
    )
    helped, advised = (one[:, 2] > one[:, 0] for one in (measured, predicted))
    followed = np.take_along_axis(measured, predicted.argmax(axis=1)[:, None], axis=1)
    gains = [*measured.mean(axis=0), helped.mean(), advised.mean(), np.mean(helped == advised)]
    return " | ".join(
        [str(len(rows)), *(f"{one:.3f}" for one in (*gains, followed.mean(), measured.max(axis=1).mean()))]
    )


def main() -> None:
    """Run, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.filtering", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("filtering.csv"), help="result file (CSV)")
    parser.add_argument("--task", action="append", help="only this task; may be repeated")
    parser.add_argument("--table", type=Path, help="print the table of this file")
    options = parser.parse_args()
    if options.table:
        sys.stdout.write(table(options.table) + "\n")
        return
    with options.o.open("w", newline="") as file:
        sheet = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        sheet.writeheader()
        for name in options.task or TASKS:
            for row in rows_of(cells(read(name, data_folder()), Extractor())[0]):
                sheet.writerow({k: f"{v:.5f}" if isinstance(v, float) else v for k, v in row.items()})
            file.flush()


if __name__ == "__main__":
    main()
