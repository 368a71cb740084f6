"""Two estimators that need no evidence, `truth` and `label_prior_simulation`, against the measured records.

    W2S_DATA=FOLDER python -m tests.benchmarks.label_free --task tweets … > tests/benchmarks/label_free.md

Every cell goes to label_free.csv, continued if there; the table is that of the whole file. Populations are those of
`tests.benchmarks.one_truth`: one layer of each other model, and the same without sizes and depths beside noise.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.problem import Case
from predictor.estimators.truth import TruthForecast
from predictor.extraction.extractor import Extractor
from tests.benchmarks.accuracy import RECORDS, measured_beside
from tests.benchmarks.lineup import cells, data_folder, read
from tests.benchmarks.one_truth import population, scored

FILE = Path(__file__).with_suffix(".csv")
ESTIMATORS = (LabelPriorSimulation(), TruthForecast(shuffles=0))
POPULATIONS = ("models", "arrays")
FIGURES = ("error", "gain", "regret", "coverage", "junk_first")
COLUMNS = ("task", "strong", "population", "estimator", "candidates", "ceiling", *FIGURES)
LEARNABLE = 0.9
"""Cells whose ceiling is above this have nothing to learn."""


def measured() -> dict[tuple[str, str, str], list[float]]:
    """Weak, W2S and ceiling error of every candidate of the accuracy records."""
    return {
        (row["task"], row["strong"], row["candidate"]): [
            float(row[name]) for name in ("weak_error", "w2s_error", "ceiling_error")
        ]
        for path in (*RECORDS.values(), Path(__file__).parent / "accuracy_classes.csv")
        for row in csv.DictReader(measured_beside(path).read_text(encoding="utf-8").splitlines())
    }


def run(tasks: list[str]) -> None:
    """Append the cells that the file lacks."""
    stored = list(csv.DictReader(FILE.open(encoding="utf-8"))) if FILE.exists() else []
    done = {(row["task"], row["strong"]) for row in stored}
    record, extractor = measured(), Extractor()
    with FILE.open("a", newline="", encoding="utf-8") as file:
        sheet = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        if not stored:
            sheet.writeheader()
        for name in tasks:
            for cell in cells(read(name, data_folder()), extractor):
                strong = f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"
                if (name, strong) in done:
                    continue
                outcomes = np.array([record[name, strong, one.name] for one in cell.weak])
                for kind in POPULATIONS:
                    student, weak, places = population(cell, kind)
                    for estimator in ESTIMATORS:
                        figures = scored(estimator.forecast(Case(student, weak)), outcomes[places, :2], 0.0)
                        about = {"task": name, "strong": strong, "population": kind, "estimator": estimator.name}
                        row = about | {"ceiling": outcomes[0, 2]} | figures
                        sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                file.flush()


def table() -> str:
    """Mean and worst of the cells with something to learn, then every cell."""
    rows = list(csv.DictReader(FILE.open(encoding="utf-8")))
    lines = [
        "| population | estimator | cells | ρ, W2S error | ρ, gain | regret | junk first |",
        "|---|---|" + "---:|" * 5,
    ]
    for kind in POPULATIONS:
        for name in (one.name for one in ESTIMATORS):
            some = [r for r in rows if (r["population"], r["estimator"]) == (kind, name)]
            some = [r for r in some if float(r["ceiling"]) < LEARNABLE]
            error, gain, regret, junk = (
                np.array([float(r[key]) for r in some]) for key in ("error", "gain", "regret", "junk_first")
            )
            lines.append(
                f"| {kind} | `{name}` | {len(some)} | {error.mean():.2f} / {error.min():.2f} | {gain.mean():.2f} / "
                f"{gain.min():.2f} | {regret.mean():.3f} / {regret.max():.3f} | {junk.mean():.2f} |"
            )
    lines += [
        "",
        "| task | student | ceiling | population | ρ, W2S error: simulation, truth | regret: simulation, truth |",
    ]
    lines += ["|---|---|---:|---|---:|---:|"]
    by_cell: dict[tuple[str, str, str], dict[str, dict[str, str]]] = {}
    for r in rows:
        by_cell.setdefault((r["task"], r["strong"], r["population"]), {})[r["estimator"]] = r
    for (task, strong, kind), found in sorted(by_cell.items(), key=lambda one: float(one[1]["truth"]["error"])):
        old, new = (found[one.name] for one in ESTIMATORS)
        lines.append(
            f"| {task} | {strong} | {float(new['ceiling']):.2f} | {kind} | {float(old['error']):.2f}, "
            f"{float(new['error']):.2f} | {float(old['regret']):.3f}, {float(new['regret']):.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the cells that are missing, and write the page to standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.label_free", description=__doc__)
    parser.add_argument(
        "--task", action="append", default=[], help="task of the accuracy records; none: only the table"
    )
    run(parser.parse_args().task)
    sys.stdout.write(PAGE.format(table=table()))


PAGE = """# The order without any evidence: `truth` against `label_prior_simulation`

Made by `W2S_DATA=FOLDER python -m tests.benchmarks.label_free --task TASK …`. Outcomes are those of the records.
`models` is one layer of each other model, `arrays` the same without sizes and depths, with half as many candidates of
noise beside them. Mean / worst of the cells with something to learn; all cells below, the worst first.

{table}
"""

if __name__ == "__main__":
    main()
