"""What reading in stages saves, and how often its first choice is that of the full ranking, on real models and tasks.

    W2S_DATA=FOLDER python -m tests.benchmarks.anytime -o tests/benchmarks/anytime.csv
    python -m tests.benchmarks.anytime --table tests/benchmarks/anytime.csv

Cells are those of `tests.benchmarks.lineup`: every candidate is really read once, and stages are cut from that. The
target is the answer of all rows at seed 0; regret is in its predicted error, in label variances.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from predictor.extraction.extractor import Extractor
from predictor.folders import cache_dir
from predictor.pipeline.ranking import ranking_steps
from predictor.pools import Pool
from predictor.query import FeatureSet, ModelSpec, Progress, RankingQuery
from predictor.result import Ranking
from predictor.settings import Budget, Settings
from tests.benchmarks.lineup import TASKS, Cell, cells, read
from tests.drain import drain

COLUMNS = (
    "task",
    "strong",
    "candidates",
    "rows",
    "share",
    "seed",
    "rows_seen",
    "read",
    "left",
    "first",
    "same_first",
    "in_tie_group",
    "kept_first",
    "predicted_regret",
    "cpu_seconds",
    "full_cpu_seconds",
)


@dataclass(frozen=True, eq=False)
class ByRow:
    """A FeatureSource of features extracted before, over any rows of the pool; counts the rows asked of candidates."""

    found: dict[str, FeatureSet]

    def features(
        self, spec: ModelSpec, pool: Pool, settings: Settings
    ) -> Generator[Progress, None, tuple[FeatureSet, ...]]:
        yield Progress(spec.name, "extract", len(pool), len(pool))
        rows = np.array([int(name) for name in pool.ids])
        one = self.found[spec.name]
        return (replace(one, name=spec.name, values=one.values[rows]),)


def ask(cell: Cell, settings: Settings) -> tuple[Ranking, float]:
    """The answer, and CPU seconds that it took without reading the models."""
    found = {"strong": cell.strong} | {one.name: one for one in cell.weak}
    rows = [str(i) for i in range(len(cell.strong.values))]
    weak = tuple(ModelSpec(one.name, f"./{i}") for i, one in enumerate(cell.weak))
    query = RankingQuery(ModelSpec("strong", "./strong"), weak, Pool.of(rows, rows), settings=settings)
    started = time.process_time()
    return drain(ranking_steps(query, ByRow(found))), time.process_time() - started


def target(cell: Cell, kept: Path) -> dict[str, Any]:
    """The answer of all rows at seed 0: predicted errors, the first and those tied with it; kept between runs."""
    strong = f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"
    path = kept / f"anytime-{cell.task.name}-{strong}-{len(cell.weak)}.json"
    if not path.exists():
        full, seconds = ask(cell, Settings(estimators=("label_prior_simulation",)))
        errors = {c.name: c.predicted_w2s_error.value for c in full.candidates if c.predicted_w2s_error is not None}
        tied = [c.name for c in full.tied_with_best()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"errors": errors, "best": full.best().name, "tied": tied, "seconds": seconds}))
    return dict(json.loads(path.read_text()))


def measure(cell: Cell, shares: list[float], seeds: int, kept: Path) -> Iterator[dict[str, Any]]:
    """One row per budget and seed, which moves the order of the rows and the judge's splits; the target has seed 0."""
    only = ("label_prior_simulation",)
    full = target(cell, kept)
    error, tied, best, rows = full["errors"], full["tied"], full["best"], len(cell.strong.values)
    for share in shares:
        for seed in range(seeds):
            found, spent = ask(cell, Settings(estimators=only, seed=seed, budget=Budget(share)))
            first = found.best().name
            left = {c.name for c in found.candidates if "stage_left" in c.diagnostics}
            asked = (1 + len(cell.weak)) * rows
            read_rows = found.rows + sum(c.diagnostics["rows_seen"] for c in found.candidates)
            yield {
                "task": cell.task.name,
                "strong": f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}",
                "candidates": len(cell.weak),
                "rows": rows,
                "share": share,
                "seed": seed,
                "rows_seen": found.rows,
                "read": read_rows / asked,
                "left": len(left),
                "first": first,
                "same_first": int(first == best),
                "in_tie_group": int(first in tied),
                "kept_first": int(best not in left),
                "predicted_regret": error[first] - error[best],
                "cpu_seconds": spent,
                "full_cpu_seconds": full["seconds"],
            }


def table(path: Path) -> str:
    """A result file as Markdown: one line per cell and share, then over all."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    heads = list(dict.fromkeys((r["task"], r["strong"], r["share"]) for r in rows))
    heads += [("all", "", share) for share in dict.fromkeys(r["share"] for r in rows)]
    lines = [
        "| task · strong | budget | rows read | candidates left | same first | in its tie group | best kept | regret, "
        "mean (worst) | judging, × full |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for task, strong, share in heads:
        mine = [
            r for r in rows if r["share"] == share and (task == "all" or (r["task"], r["strong"]) == (task, strong))
        ]
        mean = {name: float(np.mean([float(r[name]) for r in mine])) for name in COLUMNS[5:] if name != "first"}
        worst = max(float(r["predicted_regret"]) for r in mine)
        lines.append(
            f"| {task} · {strong.partition('#')[0]} | {float(share):.0%} | {mean['read']:.0%} | {mean['left']:.0f} | "
            f"{mean['same_first']:.0%} | {mean['in_tie_group']:.0%} | {mean['kept_first']:.0%} | "
            f"{mean['predicted_regret']:.4f} ({worst:.4f}) | {mean['cpu_seconds'] / mean['full_cpu_seconds']:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the lineup, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.anytime", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("anytime.csv"), help="result file (CSV)")
    parser.add_argument("--table", type=Path, help="print the table of this result file and stop")
    parser.add_argument("--task", action="append", help="only these tasks")
    parser.add_argument("--share", action="append", type=float, help="budgets (default: 0.25)")
    parser.add_argument("--every", type=int, default=1, help="take every so many-th candidate")
    parser.add_argument("--seeds", type=int, default=4, help="orders of the rows that each is tried in")
    parser.add_argument("--kept", type=Path, default=cache_dir() / "benchmarks", help="where answers of all rows stay")
    options = parser.parse_args()
    if options.table:
        print(table(options.table))
        return
    if "W2S_DATA" not in os.environ:
        sys.exit("set W2S_DATA to the folder that holds the task files")
    extractor = Extractor()
    with options.o.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for name in options.task or TASKS:
            for cell in cells(read(name, Path(os.environ["W2S_DATA"])), extractor):
                cell = replace(cell, weak=cell.weak[options.every - 1 :: options.every])
                for row in measure(cell, options.share or [0.25], options.seeds, options.kept):
                    writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                    file.flush()
                print(f"{name} · {cell.strong.name}", file=sys.stderr)
    print(table(options.o))


if __name__ == "__main__":
    main()
