"""What reading in stages saves, and how often its first choice is that of the full ranking, on real models and tasks.

    W2S_DATA=FOLDER python -m tests.benchmarks.anytime -o tests/benchmarks/anytime.csv
    python -m tests.benchmarks.anytime --table tests/benchmarks/anytime.csv

Cells are those of `tests.benchmarks.lineup`: every candidate is really read once, and parts are cut from that. Beside
the stages stand the ordinary ranking of all rows, at other seeds than the one compared with, and of a random quarter
and half of them: what no stages can do better than, and what they must not do worse than.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from predictor.extraction.extractor import Extractor
from predictor.query.budget import Budget
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.ranking.rank import rank_steps
from predictor.results.ranking import Ranking
from predictor.steps import Progress, Steps, drain
from tests.benchmarks.lineup import TASKS, Cell, cells, data_folder, read

COLUMNS = (
    "task",
    "strong",
    "candidates",
    "rows",
    "way",
    "seed",
    "rows_seen",
    "read",
    "left",
    "kept_first",
    "first",
    "error",
    "trained_error",
    "cpu_seconds",
)
"""`error` is what the answer of all rows at seed 0 predicts for `first`, less that of its own; `trained_error` what the
student that it taught really made, less that of the best candidate's student. Both in label variances."""

ALL, STAGES = "all rows", "in stages"
NEAR = 0.005
"""Label variance: half of what `predictor.ranking.racing` is indifferent to where no budget is named."""

ONLY = ("label_prior_simulation",)

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ByRow:
    """A FeatureSource of features extracted before, over any rows of the pool; counts the rows asked of candidates."""

    found: dict[str, FeatureSet]

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        yield Progress(spec.name, "extract", len(pool), len(pool))
        rows = np.array([int(name) for name in pool.ids])
        one = self.found[spec.name]
        return (replace(one, name=spec.name, values=one.values[rows]),)


def ask(cell: Cell, settings: Settings, rows: Sequence[int]) -> tuple[Ranking, float]:
    """The answer over some rows, and CPU seconds that it took without reading the models."""
    names = [str(i) for i in rows]
    weak = tuple(ModelSpec(one.name, f"./{i}") for i, one in enumerate(cell.weak))
    query = RankingQuery(ModelSpec("strong", "./strong"), weak, Pool.of(names, names), settings=settings)
    started = time.process_time()
    return drain(rank_steps(query, ByRow(cell.models))), time.process_time() - started


def ways(rows: int, seed: int, share: float) -> dict[str, tuple[Settings, Sequence[int]]]:
    """Each way of asking: its settings and the rows it may read."""
    whole, plain = range(rows), Settings(estimators=ONLY, seed=seed)
    order = np.random.default_rng([seed, *b"part"]).permutation(rows)
    return {
        ALL: (plain, whole),
        STAGES: (replace(plain, budget=Budget(share)), whole),
        "a quarter at once": (plain, np.sort(order[: rows // 4]).tolist()),
        "half at once": (plain, np.sort(order[: rows // 2]).tolist()),
    }


def measure(cell: Cell, share: float, seeds: int, trained: dict[str, float]) -> Iterator[Row]:
    """One row per way and seed; the seed moves which rows are read first, and the random splits."""
    rows = len(cell.strong.values)
    error: dict[str, float] = {}
    for seed in range(seeds):
        for way, (settings, asked) in ways(rows, seed, share).items():
            found, spent = ask(cell, settings, asked)
            if not error:
                error = {c.name: c.predicted_w2s_error.value for c in found.candidates if c.predicted_w2s_error}
            first, best = found.best().name, min(error, key=error.__getitem__)
            left = {c.name for c in found.candidates if "stage_eliminated" in c.diagnostics}
            seen = found.rows + sum(c.diagnostics.get("rows_seen", found.rows) for c in found.candidates)
            yield {
                "task": cell.task.name,
                "strong": student(cell),
                "candidates": len(cell.weak),
                "rows": rows,
                "way": way,
                "seed": seed,
                "rows_seen": found.rows,
                "read": seen / ((1 + len(cell.weak)) * rows),
                "left": len(left),
                "kept_first": int(best not in left),
                "first": first,
                "error": error[first] - error[best],
                "trained_error": trained[first] - min(trained[one.name] for one in cell.weak),
                "cpu_seconds": spent,
            }


def student(cell: Cell) -> str:
    """The strong model and its layer, as the accuracy record names it."""
    return f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"


def measured(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Trained W2S errors of the accuracy record, by task and strong model."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault((row["task"], row["strong"]), {})[row["candidate"]] = float(row["w2s_error"])
    return found


def agreement(mine: Sequence[Row], whole: Sequence[Row], same_seed: bool) -> float:
    """How often a way's first is that of all rows, over pairs of equal seeds, or over pairs of unlike ones."""
    pairs = [(a, b) for a in mine for b in whole if (a["seed"] == b["seed"]) == same_seed]
    return float(np.mean([a["first"] == b["first"] for a, b in pairs]))


def table(path: Path) -> str:
    """A result file as Markdown: over all cells by way, then a line per cell."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    held = list(dict.fromkeys((r["task"], r["strong"]) for r in rows))
    found = {head: [r for r in rows if (r["task"], r["strong"]) == head] for head in held}
    names = list(dict.fromkeys(r["way"] for r in rows))
    lines = [
        "| way | rows read | first is that of all rows, other seed | same seed | predicted within "
        f"{NEAR} of it | regret, mean (worst) | "
        "trained regret, mean (worst) | ranking, × all rows |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for way in names:
        mine = [_of(cell, way) for cell in found.values()]
        flat = [r for cell in mine for r in cell]
        other, same = (
            float(np.mean([agreement(_of(c, way), _of(c, ALL), at) for c in found.values()])) for at in (False, True)
        )
        spent = sum(float(r["cpu_seconds"]) for r in flat) / sum(
            float(r["cpu_seconds"]) for r in rows if r["way"] == ALL
        )
        lines.append(
            f"| {way} | {_mean(flat, 'read'):.0%} | {other:.0%} | {'–' if way == ALL else f'{same:.0%}'} | "
            f"{np.mean([float(r['error']) <= NEAR for r in flat]):.0%} | {_spread(flat, 'error')} | "
            f"{_spread(flat, 'trained_error')} | {spent:.2f} |"
        )
    lines += [
        "",
        "| task · strong | all rows, other seed | in stages: rows read | left behind | best kept | other seed | "
        "same seed | regret, mean (worst) | trained regret: in stages | of all rows |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (task, strong), cell in found.items():
        mine, whole = _of(cell, STAGES), _of(cell, ALL)
        lines.append(
            f"| {task} · {strong.partition('#')[0]} | {agreement(whole, whole, False):.0%} | "
            f"{_mean(mine, 'read'):.0%} | {_mean(mine, 'left'):.0f} of {mine[0]['candidates']} | "
            f"{_mean(mine, 'kept_first'):.0%} | {agreement(mine, whole, False):.0%} | "
            f"{agreement(mine, whole, True):.0%} | {_spread(mine, 'error')} | "
            f"{_mean(mine, 'trained_error'):.3f} | {_mean(whole, 'trained_error'):.3f} |"
        )
    return "\n".join(lines)


def _of(rows: Sequence[Row], way: str) -> list[Row]:
    return [r for r in rows if r["way"] == way]


def _mean(rows: Sequence[Row], name: str) -> float:
    return float(np.mean([float(r[name]) for r in rows]))


def _spread(rows: Sequence[Row], name: str) -> str:
    return f"{_mean(rows, name):.4f} ({max(float(r[name]) for r in rows):.4f})"


def main() -> None:
    """Run the lineup, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.anytime", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("anytime.csv"), help="result file (CSV)")
    parser.add_argument("--table", type=Path, help="print the table of this result file and stop")
    parser.add_argument("--task", action="append", help="only these tasks")
    parser.add_argument("--share", type=float, default=0.25, help="budget of the stages")
    parser.add_argument("--every", type=int, default=1, help="take every so many-th candidate")
    parser.add_argument("--seeds", type=int, default=3, help="seeds that each way is tried with")
    parser.add_argument(
        "--trained",
        type=Path,
        default=Path(__file__).with_name("accuracy.measured.csv"),
        help="trained W2S errors, as tests.benchmarks.accuracy writes them",
    )
    options = parser.parse_args()
    if options.table:
        print(table(options.table))
        return
    folder, extractor, trained = data_folder(), Extractor(), measured(options.trained)
    with options.o.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for name in options.task or TASKS:
            for cell in cells(read(name, folder), extractor):
                cell = replace(cell, weak=cell.weak[options.every - 1 :: options.every])
                for row in measure(cell, options.share, options.seeds, trained[name, student(cell)]):
                    writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                    file.flush()
                print(f"{name} · {cell.strong.name}", file=sys.stderr)
    print(table(options.o))


if __name__ == "__main__":
    main()
