"""Does refining weak labels before teaching help, and does the estimator `refinement` know when?

    W2S_DATA=FOLDER python -m tests.benchmarks.refinement linear -o linear.csv
    W2S_DATA=FOLDER python -m tests.benchmarks.refinement prompted -o tests/benchmarks/refinement.csv
    W2S_DATA=FOLDER python -m tests.benchmarks.refinement prefix
    python -m tests.benchmarks.refinement table linear.csv tests/benchmarks/refinement.csv

For every candidate of every cell and every split the student is really trained on both routes by
`predictor.validation.training_routes`; nothing is tuned on what is measured here, and every cell is written. Prompted
trainings are written one by one as each split is done, and a second run adds only what is missing.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from predictor.estimators.problem import Representation
from predictor.extraction.extractor import Extractor
from predictor.intake.rows import read_task
from predictor.models.known_models import find
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from predictor.query.model_spec import ModelSpec
from predictor.query.prompt import LabelPrompt
from predictor.query.row_form import RowForm
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from predictor.validation.scoring import rank_correlation
from predictor.validation.training_routes import (
    LinearRelabelling,
    PromptedRelabelling,
    Relabelling,
    Routes,
    routes_steps,
)
from tests.benchmarks.lineup import MAX_ROWS, TASKS, Task, cells, data_folder, read

SPLITS = 3
STUDENT = ("SmolLM2-135M-Instruct", "15")
READ_FOR = {"sentence_polarity": 1200, "subjectivity": 1200}
"""Rows that the features of a task are stored for, where that is more than the lineup's."""
PROMPTED_ROWS, PROMPTED_SIZES, PROMPTED_SPLITS = 600, (80, 80), 3
"""Rows of a task; of them D~ and D^ of each split, the others tested on. Only D^ is prompted."""
PROMPTED_WEAK = (
    *("bert-tiny-questions#layer=2", "paraphrase-MiniLM-L3-v2#layer=2", "all-MiniLM-L6-v2#layer=3"),
    *("bert-4l-reranker#layer=2", "potion-base-8M", "all-mpnet-base-v2#layer=8"),
)
PROMPTS = {
    "sentence_polarity": LabelPrompt(("negative", "positive"), "Review: {text}\nSentiment:"),
    "subjectivity": LabelPrompt(("objective", "subjective"), "Sentence: {text}\nThis sentence is"),
    "ethics_deontology": LabelPrompt(("unreasonable", "reasonable"), "Request and answer: {text}\nThe answer is"),
    "ethics_justice": LabelPrompt(("unfair", "fair"), "Statement: {text}\nThis is"),
}

TRAININGS = ("realisation", "task", "strong", "rows", "split", "candidate", *(one.name for one in fields(Routes)))
"""Columns of a file of single trainings; those behind the candidate are of `Routes`."""

COLUMNS = (
    "realisation",
    "task",
    "strong",
    "rows",
    "candidates",
    "trainings",
    "weak_error",
    "naive_error",
    "refined_error",
    "em_step_error",
    "helped",
    "right_score",
    "right_promised",
    "rho_score",
    "rho_promised",
    "cost_never",
    "cost_always",
    "cost_score",
    "cost_promised",
    "retention",
    "seconds",
)


def linear(folder: Path, extractor: Extractor, tasks: list[str]) -> Iterator[dict[str, Any]]:
    """Every cell of the lineup, linear realisation."""
    for name in tasks:
        for cell in cells(read(name, folder), extractor):
            relabelling = LinearRelabelling(cell.strong.values)
            yield _measure("linear", cell.task, cell.strong, cell.weak, relabelling, SPLITS)


def prompted(folder: Path, extractor: Extractor, tasks: list[str], path: Path) -> None:
    """Text tasks with SmolLM2 as the student, which also relabels; linear concepts on the same rows beside it."""
    spec = ModelSpec(STUDENT[0], find(STUDENT[0]).reference)
    for split, name in product(range(PROMPTED_SPLITS), tasks):
        done = {(row["task"], int(row["split"])) for row in _trainings(path)}
        if (name, split) in done:
            continue
        task, strong, weak = _drawn(name, folder, extractor)
        settings = Settings(precision="bf16", label_prompt=PROMPTS[name])
        started, found = time.process_time(), []
        for realisation, relabelling in (
            ("prompted", PromptedRelabelling(extractor, spec, task.pool, settings)),
            ("linear", LinearRelabelling(strong.values)),
        ):
            steps = routes_steps(
                Representation.of(strong), [Representation.of(one) for one in weak], task.labels, relabelling,
                splits=1, seed=split, sizes=PROMPTED_SIZES,
            )  # fmt: skip
            routes = drain(steps)
            about = (realisation, name, _title(strong), len(task.pool), split)
            for i, one in enumerate(weak):
                figures = [f"{getattr(routes, column)[i, 0]:.4f}" for column in TRAININGS[6:]]
                found.append([*about, one.name, *figures])
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([TRAININGS, *found] if fresh else found)
        print(f"{name}, split {split}: {time.process_time() - started:.0f} s", file=sys.stderr, flush=True)


def _drawn(name: str, folder: Path, extractor: Extractor) -> tuple[Task, FeatureSet, tuple[FeatureSet, ...]]:
    """Some rows of a task, with features that the store holds for the whole of it."""
    pool, labels = read_task(folder / f"{name}.jsonl")
    kept = np.sort(np.random.default_rng(0).permutation(len(pool))[: READ_FOR.get(name, MAX_ROWS)])
    whole = Task(name, pool.take(kept), labels.take(kept))
    rows = np.sort(np.random.default_rng(1).permutation(len(kept))[:PROMPTED_ROWS])
    found = {one.name: one for cell in cells(whole, extractor) for one in (cell.strong, *cell.weak)}
    strong, *weak = (
        replace(found[name], values=found[name].values[rows]) for name in ("#layer=".join(STUDENT), *PROMPTED_WEAK)
    )
    return Task(name, whole.pool.take(rows), whole.labels.take(rows)), strong, tuple(weak)


def _trainings(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(newline=""))) if path.exists() else []


def gathered(path: Path) -> list[dict[str, Any]]:
    """Single trainings of a file as one line per cell and realisation."""
    lines = []
    rows = _trainings(path)
    for realisation, task in dict.fromkeys((row["realisation"], row["task"]) for row in rows):
        mine = [row for row in rows if (row["realisation"], row["task"]) == (realisation, task)]
        names = list(dict.fromkeys(row["candidate"] for row in mine))
        splits = sorted({row["split"] for row in mine})
        at = {(row["candidate"], row["split"]): row for row in mine}
        routes = Routes(
            **{
                column: np.array([[float(at[name, split][column]) for split in splits] for name in names])
                for column in TRAININGS[6:]
            }
        )
        about = {"realisation": realisation, "task": task, "strong": mine[0]["strong"], "rows": mine[0]["rows"]}
        lines.append(about | {"candidates": len(names)} | summary(routes))
    return lines


def prefix(folder: Path) -> None:
    """CPU seconds with the shared prefix kept or read again, and with rows of one or of like length together."""
    from predictor.extraction import word_scores
    from predictor.extraction.backend import Runtime
    from predictor.extraction.labeller import load_scorer

    task = read("sentence_polarity", folder)
    artefact = resolve(ModelReference.parse(find(STUDENT[0]).reference))
    scorer = load_scorer(artefact, Runtime("bf16", "cpu", 1), PROMPTS[task.name], RowForm(256), 2048)
    texts, gold = task.pool.texts, task.labels.targets[:, 0].astype(int)
    size, shown, like = 8, 24, word_scores.STRETCH
    examples = [(texts[-1 - i], int(gold[-1 - i])) for i in range(size)]
    ways = {"kept, like lengths": (True, like), "kept, one length": (True, 1.0001), "read again": (False, like)}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    tokens, found = {}, {}
    for _ in range(3):  # interleaved rounds; CPU seconds, since the machine is shared
        for way, (cache_prefix, stretch) in ways.items():
            scorer.model.caches_prefix, scorer.model.tokens_read, word_scores.STRETCH = cache_prefix, 0, stretch
            started = time.process_time()
            found[way] = drain(scorer.steps(texts[:shown], examples)).plain
            seconds[way].append(time.process_time() - started)
            tokens[way] = scorer.model.tokens_read
    first, *_ = ways
    print("| way | rows | in context | tokens read | CPU s | times the first | nats apart at most |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for way in ways:
        spent, least = float(np.median(seconds[way])), float(np.median(seconds[first]))
        apart = np.abs(np.log(found[way]) - np.log(found[first])).max()
        print(f"| {way} | {shown} + 3 | {size} | {tokens[way]:,} | {spent:.1f} | {spent / least:.1f} | {apart:.0e} |")


def _measure(
    realisation: str,
    task: Task,
    strong: FeatureSet,
    weak: tuple[FeatureSet, ...],
    relabelling: Relabelling,
    splits: int,
) -> dict[str, Any]:
    started = time.process_time()
    steps = routes_steps(
        Representation.of(strong), [Representation.of(one) for one in weak], task.labels, relabelling, splits=splits
    )
    return {
        "realisation": realisation,
        "task": task.name,
        "strong": _title(strong),
        "rows": len(task.pool),
        "candidates": len(weak),
        **summary(drain(steps)),
        "seconds": time.process_time() - started,
    }


def summary(routes: Routes) -> dict[str, Any]:
    """Figures of one cell."""
    known = np.isfinite(routes.helped)
    better = np.minimum(routes.naive, routes.refined)
    return {
        "trainings": int(known.sum()),
        "weak_error": float(routes.weak[known].mean()),
        "naive_error": float(routes.naive[known].mean()),
        "refined_error": float(routes.refined[known].mean()),
        "em_step_error": float(routes.em_step[known].mean()),
        "helped": float(np.mean(routes.helped[known] > 0.0)),
        "right_score": routes.right(routes.score),
        "right_promised": routes.right(routes.promised),
        "rho_score": rank_correlation(routes.score[known], routes.helped[known]),
        "rho_promised": rank_correlation(routes.promised[known], routes.helped[known]),
        "cost_never": float(np.mean((routes.naive - better)[known])),
        "cost_always": float(np.mean((routes.refined - better)[known])),
        "cost_score": routes.cost(routes.score),
        "cost_promised": routes.cost(routes.promised),
        "retention": float(np.nanmean(routes.retention)),
    }


def table(paths: list[Path]) -> str:
    """Result files as one Markdown table, a row per cell; single trainings are gathered first."""
    found: list[dict[str, Any]] = []
    for path in paths:
        rows = _trainings(path)
        found += gathered(path) if "candidate" in rows[0] else rows
    shown = [name for name in COLUMNS if name != "seconds"]
    lines = ["| " + " | ".join(shown) + " |", "|---|---|---|" + "---:|" * (len(shown) - 3)]
    for row in found:
        values = (row[name] for name in shown)
        texts = (f"{value:.3f}" if isinstance(value, float) else str(value or "–") for value in values)
        lines.append("| " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _title(features: FeatureSet) -> str:
    return f"{features.name.partition('#')[0]}#layer={features.layer}"


def main() -> None:
    """Run one part, or print a table of earlier runs."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.refinement", description=__doc__)
    parser.add_argument("part", choices=("linear", "prompted", "prefix", "table"))
    parser.add_argument("files", nargs="*", type=Path, help="result files of earlier runs, for table")
    parser.add_argument("-o", type=Path, default=Path("refinement.csv"), help="result file (CSV)")
    parser.add_argument("--task", action="append", help="only these tasks")
    options = parser.parse_args()
    if options.part == "table":
        print(table(options.files))
        return
    folder = data_folder()
    if options.part == "prefix":
        prefix(folder)
        return
    tasks = options.task or (TASKS if options.part == "linear" else list(PROMPTS))
    if options.part == "prompted":
        prompted(folder, Extractor(), list(tasks), options.o)
        print(table([options.o]))
        return
    with options.o.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in linear(folder, Extractor(), list(tasks)):
            writer.writerow({k: f"{v:.3f}" if isinstance(v, float) else v for k, v in row.items()})
            file.flush()
            print(f"{row['realisation']} · {row['task']} · {row['strong']}: {row['seconds']:.0f} s", file=sys.stderr)
    print(table([options.o]))


if __name__ == "__main__":
    main()
