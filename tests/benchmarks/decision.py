"""How good the decisions are: on really trained cells, and in simulated worlds whose truth is known.

    W2S_DATA=FOLDER python -m tests.benchmarks.decision -o tests/benchmarks/decision.csv
    python -m tests.benchmarks.decision --table tests/benchmarks/decision.csv > tests/benchmarks/decision.md

Cells: `tests.benchmarks.decision_cells`. The file has one row per cell, evidence and candidate. A simulated world
(`world` in the column `task`) has teachers that see the student's hidden directions through noise, or, as `null`, see
nothing of them; students are trained on the labels that real heads give, of heads trained on 80 rows. What was chosen
after looking is in the README beside this.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from predictor.decision.launch import best_launch
from predictor.decision.regret import p_contains_best, shortfalls
from predictor.ranking.deciding import TOLERANCE, as_good
from predictor.ranking.uncertainty import standing
from tests.benchmarks.decision_cells import EVIDENCE, TASKS, Answered, answered
from tests.benchmarks.decision_table import table
from tests.benchmarks.decision_worlds import GOLD, simulations
from tests.benchmarks.lineup import data_folder

COLUMNS = (
    *("task", "strong", "evidence", "split", "candidate", "rank", "rank_by_error", "p_best", "control", "above_null"),
    *("launched", "pair", "as_good", "expected_regret", "pair_regret", "p_pair", "predicted", "measured"),
    *("measured_teacher", "wins"),
)
WORLDS = 60


def rows_of(one: Answered) -> Iterator[dict[str, Any]]:
    """One row a candidate: what was decided, and what was measured."""
    where = standing(one.order, one.draws.T, one.above, one.step)
    allowed = [i for i in range(len(one.names)) if one.above[i] and not one.control[i]]
    even = np.ones(len(one.names))
    single = best_launch(one.draws, allowed, 1, even) if allowed else None
    pair = best_launch(one.draws, allowed, 2, even) if allowed else None
    level = "representations" if one.evidence == "none" else one.evidence
    lost = None if single is None else shortfalls(one.draws, single.chosen[0])
    equal = () if single is None or lost is None else as_good(lost, allowed, single, _tolerance(one), level)
    by_error = np.argsort(np.argsort(one.error, kind="stable")) + 1
    for i, name in enumerate(one.names):
        yield {
            "task": one.task,
            "strong": one.strong,
            "evidence": one.evidence,
            "split": one.split,
            "candidate": name,
            "rank": int(where.rank[i]),
            "rank_by_error": int(by_error[i]),
            "p_best": float(where.p_best[i]),
            "control": int(one.control[i]),
            "above_null": int(one.above[i]),
            "launched": int(single is not None and i in single.chosen),
            "pair": int(pair is not None and i in pair.chosen),
            "as_good": int(i in equal),
            "expected_regret": None if single is None else single.regret,
            "pair_regret": None if pair is None else pair.regret,
            "p_pair": None if pair is None else p_contains_best(where.p_best, pair.chosen),
            "predicted": None if np.isnan(one.accuracy[i]) else float(one.accuracy[i]),
            "measured": float(one.measured[i]),
            "measured_teacher": float(one.measured_weak[i]),
            "wins": float(one.wins[i]),
        }


def _tolerance(one: Answered) -> float:
    return TOLERANCE["w2s_error" if np.isnan(one.accuracy).any() else "accuracy"]


def main() -> None:
    """Run, or print the tables of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.decision", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("decision.csv"), help="result file (CSV)")
    parser.add_argument("--task", action="append", choices=TASKS, help="only these tasks")
    parser.add_argument(
        "--worlds", type=int, default=WORLDS, help="simulated worlds of each kind and evidence (%(default)s)"
    )
    parser.add_argument("--table", type=Path, help="print the tables of this file")
    options = parser.parse_args()
    if options.table:
        sys.stdout.write(table(options.table, (__doc__ or "").partition("\n\n")[2].strip("\n")) + "\n")
        return
    with options.o.open("w", newline="") as file:
        sheet = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        sheet.writeheader()
        kinds = product(("world", "null"), GOLD)
        simulated = (one for kind, evidence in kinds for one in simulations(kind, evidence, options.worlds))
        for group in (answered(data_folder(), options.task or TASKS, EVIDENCE), simulated):
            for one in group:
                for row in rows_of(one):
                    sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                file.flush()


if __name__ == "__main__":
    main()
