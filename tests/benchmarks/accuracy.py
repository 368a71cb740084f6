"""How well each estimator foretells measured weak-to-strong training, on real models and tasks.

    W2S_DATA=FOLDER python -m tests.benchmarks.accuracy -o tests/benchmarks/accuracy.csv
    python -m tests.benchmarks.accuracy --table tests/benchmarks/accuracy.csv

Every candidate of every cell is really trained (weak head, weak labels, strong head; ridge chosen by generalised
cross-validation) on SPLITS random thirds; the label-free estimators see rows only, the few-label ones the gold labels of
one third. Nothing is tuned on what is measured here, and every cell is written.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from predictor.estimators import ESTIMATORS
from predictor.extraction.extractor import Extractor
from predictor.labels import Labels
from predictor.query import ModelSpec, RankingQuery, Settings
from predictor.ranking import ranking_steps
from predictor.result import Candidate, Ranking
from predictor.splits import thirds
from predictor.training import Outcomes, train_w2s
from tests.benchmarks.lineup import TASKS, Cell, InMemory, cells, read
from tests.drain import drain

SPLITS = 24
"""Trainings per candidate behind the label-free figures; their halves against each other give the reliability."""

LABELLED_SPLITS = 3
"""Thirds given as gold labels, one after the other; compared with trainings on exactly those thirds."""

COLUMNS = (
    "task",
    "strong",
    "candidates",
    "evidence",
    "estimator",
    "spearman_error",
    "spearman_gain",
    "regret",
    "mae_error",
    "mae_gain",
    "coverage",
    "reliability",
    "seconds",
)

Array = NDArray[np.float64]


def ranking_of(cell: Cell, labels: Labels | None, seed: int) -> Ranking:
    """The ranking as a user would get it, from features extracted before."""
    found = {one.name: one for one in cell.weak} | {"strong": cell.strong}
    query = RankingQuery(
        ModelSpec("strong", "features:strong"),
        tuple(ModelSpec(one.name, f"features:{one.name}") for one in cell.weak),
        cell.task.pool,
        labels,
        settings=Settings(seed=seed),
    )
    return drain(ranking_steps(query, InMemory(found)))


def label_free(cell: Cell) -> Iterator[dict[str, Any]]:
    """One row per estimator that needs no label."""
    outcomes = train_w2s(cell.strong.values, [one.values for one in cell.weak], cell.task.labels, splits=SPLITS)
    started = time.perf_counter()
    ranking = ranking_of(cell, None, seed=0)
    seconds = time.perf_counter() - started
    yield from rows(cell, [ranking], [outcomes], seconds)
    widths = np.array([[one.dim for one in cell.weak]], dtype=np.float64)
    yield row(cell, "representations", "width", -widths, [outcomes], None, None, None, None)


def few_labels(cell: Cell) -> Iterator[dict[str, Any]]:
    """One row per estimator that uses the gold labels of a third, each third's forecast against its own training."""
    rankings, outcomes, seconds = [], [], 0.0
    for split in range(LABELLED_SPLITS):
        part = thirds(len(cell.task.pool), np.random.default_rng([0, split]))
        targets = np.full_like(cell.task.labels.targets, np.nan)
        targets[part.weak] = cell.task.labels.targets[part.weak]
        started = time.perf_counter()
        rankings.append(ranking_of(cell, Labels(targets, cell.task.labels.kind, cell.task.labels.classes), split))
        seconds += time.perf_counter() - started
    measured = train_w2s(
        cell.strong.values, [one.values for one in cell.weak], cell.task.labels, splits=LABELLED_SPLITS
    )
    for split in range(LABELLED_SPLITS):
        outcomes.append(Outcomes(measured.weak[:, [split]], measured.w2s[:, [split]], measured.ceiling[[split]]))
    names = {"combined", "truth_posterior", "misfit"}
    yield from rows(cell, rankings, outcomes, seconds / LABELLED_SPLITS, names)


def rows(
    cell: Cell, rankings: list[Ranking], outcomes: list[Outcomes], seconds: float, names: set[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Score every estimator of the rankings; several rankings are scored by the mean of their values."""
    order = {one.name: i for i, one in enumerate(cell.weak)}
    tables = [sorted(ranking.candidates, key=lambda c: order[c.name]) for ranking in rankings]
    for name in tables[0][0].estimates:
        if names is not None and name not in names:
            continue
        values = np.array([[_value(c, name) for c in table] for table in tables])
        if np.isnan(values).any():
            continue
        signed = values if ESTIMATORS[name].better == "lower" else -values
        judged = name == "combined"
        gains = np.array([[c.estimates[name].details.get("gain", np.nan) for c in table] for table in tables])
        ends = None
        if judged:
            ends = np.array([[_ends(c) for c in table] for table in tables])
        units = values if ESTIMATORS[name].unit == "label variance" and name != "misfit" else None
        if name == "misfit":
            gains = values
        yield row(cell, rankings[0].evidence, name, signed, outcomes, units, gains, ends, seconds)


def row(
    cell: Cell,
    evidence: str,
    name: str,
    signed: Array,
    outcomes: list[Outcomes],
    units: Array | None,
    gains: Array | None,
    ends: Array | None,
    seconds: float | None,
) -> dict[str, Any]:
    """Figures of one estimator: (rankings, m) values, lower better, against the outcomes of each ranking."""
    errors = np.array([one.w2s.mean(axis=1) for one in outcomes])
    gained = np.array([one.gain.mean(axis=1) for one in outcomes])
    error, gain, value = errors.mean(axis=0), gained.mean(axis=0), signed.mean(axis=0)
    splits = np.concatenate([one.w2s for one in outcomes], axis=1)
    has_gain = gains is not None and not np.isnan(gains).any()
    return {
        "task": cell.task.name,
        "strong": f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}",
        "candidates": len(cell.weak),
        "evidence": evidence,
        "estimator": name,
        "spearman_error": _correlation(value, error),
        "spearman_gain": _correlation(gains.mean(axis=0), gain) if gains is not None and has_gain else None,
        "regret": float(error[int(np.argmin(value))] - error.min()),
        "mae_error": None if units is None else float(np.mean(np.abs(units - errors))),
        "mae_gain": float(np.mean(np.abs(gains - gained))) if gains is not None and has_gain else None,
        "coverage": None if ends is None else float(np.mean((ends[..., 0] <= errors) & (errors <= ends[..., 1]))),
        "reliability": _correlation(splits[:, ::2].mean(axis=1), splits[:, 1::2].mean(axis=1)),
        "seconds": seconds,
    }


def _value(candidate: Candidate, name: str) -> float:
    value = candidate.estimates[name].value
    return np.nan if value is None else value


def _ends(candidate: Candidate) -> tuple[float, float]:
    interval = candidate.predicted_w2s_error
    if interval is None or interval.low is None or interval.high is None:
        return (np.nan, np.nan)
    return interval.low, interval.high


def _correlation(one: Array, other: Array) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)


def table(path: Path) -> str:
    """The Spearman correlations of a result file as a Markdown table, one column per cell."""
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    heads = list(dict.fromkeys((r["task"], r["strong"], r["candidates"]) for r in found))
    lines = [
        "| estimator | " + " | ".join(f"{t} · {s.partition('#')[0]} ({n})" for t, s, n in heads) + " | mean | worst |",
        "|---|" + "---:|" * (len(heads) + 2),
    ]
    reliability = [
        next(r["reliability"] for r in found if (r["task"], r["strong"], r["candidates"]) == h) for h in heads
    ]
    lines.append(_line("*reliability of the measurement*", [float(r) for r in reliability]))
    for evidence, name in dict.fromkeys((r["evidence"], r["estimator"]) for r in found):
        values = [
            next(
                (
                    float(r["spearman_error"])
                    for r in found
                    if (r["task"], r["strong"], r["candidates"], r["evidence"], r["estimator"]) == (*h, evidence, name)
                ),
                None,
            )
            for h in heads
        ]
        suffix = " (with `--labels`)" if evidence != "representations" else ""
        lines.append(_line(f"`{name}`{suffix}", values))
    return "\n".join(lines)


def _line(head: str, values: list[float | None]) -> str:
    held = [v for v in values if v is not None]
    cells_ = ["–" if v is None else f"{v:.2f}" for v in values]
    return f"| {head} | " + " | ".join(cells_) + f" | {np.mean(held):.2f} | {min(held):.2f} |"


def main() -> None:
    """Run the lineup, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.accuracy", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("accuracy.csv"), help="result file (CSV)")
    parser.add_argument("--table", type=Path, help="print the table of this result file and stop")
    parser.add_argument("--task", action="append", help="only these tasks")
    options = parser.parse_args()
    if options.table:
        print(table(options.table))
        return
    if "W2S_DATA" not in os.environ:
        sys.exit("set W2S_DATA to the folder that holds the task files")
    extractor = Extractor()
    with options.o.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for name in options.task or TASKS:
            for cell in cells(read(name, Path(os.environ["W2S_DATA"])), extractor):
                for one in (*label_free(cell), *few_labels(cell)):
                    writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in one.items()})
                    file.flush()
                print(name, cell.strong.name, len(cell.weak), "candidates done", file=sys.stderr, flush=True)
    print(table(options.o))


if __name__ == "__main__":
    main()
