"""Does refining weak labels before teaching help, and does the estimator `refinement` know when?

    W2S_DATA=FOLDER python -m tests.benchmarks.refinement linear -o linear.csv
    W2S_DATA=FOLDER python -m tests.benchmarks.refinement prompted -o prompted.csv
    W2S_DATA=FOLDER python -m tests.benchmarks.refinement prefix
    python -m tests.benchmarks.refinement table linear.csv prompted.csv

For every candidate of every cell and every split the student is really trained on both routes by
`predictor.validating.training_routes`; nothing is tuned on what is measured here, and every cell is written.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from predictor.estimators.case import Representation
from predictor.extraction.extractor import Extractor
from predictor.models.reference import ModelReference
from predictor.models.resolve import resolve
from predictor.models.zoo import find
from predictor.query import FeatureSet, ModelSpec
from predictor.settings import Settings
from predictor.validating.scoring import rank_correlation
from predictor.validating.training_routes import (
    LinearRelabelling,
    PromptedRelabelling,
    Relabelling,
    Routes,
    routes_steps,
)
from predictor.wording import Wording
from tests.benchmarks.lineup import TASKS, Task, cells, read
from tests.drain import drain

SPLITS = 3
STUDENT = ("SmolLM2-135M-Instruct", "15")
PROMPTED_ROWS = 240
PROMPTED_SPLITS = 2
PROMPTED_WEAK = (("bert-tiny-questions", "2"), ("paraphrase-MiniLM-L3-v2", "2"), ("all-MiniLM-L6-v2", "3"))
PROMPTS = {
    "sentence_polarity": Wording(("negative", "positive"), "Review: {text}\nSentiment:"),
    "subjectivity": Wording(("objective", "subjective"), "Sentence: {text}\nThis sentence is"),
}

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


def prompted(folder: Path, extractor: Extractor, tasks: list[str]) -> Iterator[dict[str, Any]]:
    """Text tasks with SmolLM2 as the student, which also relabels."""
    for name in tasks:
        task = read(name, folder)
        rows = np.sort(np.random.default_rng(1).permutation(len(task.pool))[:PROMPTED_ROWS])
        task = Task(name, task.pool.take(rows), task.labels.take(rows))
        strong, *weak = (_features(extractor, model, layer, task) for model, layer in (STUDENT, *PROMPTED_WEAK))
        settings = Settings(precision="bf16", wording=PROMPTS[name])
        spec = ModelSpec(STUDENT[0], find(STUDENT[0]).reference)
        relabelling = PromptedRelabelling(extractor, spec, task.pool, settings)
        yield _measure("prompted", task, strong, tuple(weak), relabelling, PROMPTED_SPLITS)
        yield _measure("linear", task, strong, tuple(weak), LinearRelabelling(strong.values), PROMPTED_SPLITS)


def prefix(folder: Path) -> None:
    """Rows a second with the shared beginning kept against read again with every row, interleaved."""
    from predictor.extraction.backend import Engine
    from predictor.extraction.labeller import load_scorer

    task = read("sentence_polarity", folder)
    artefact = resolve(ModelReference.parse(find(STUDENT[0]).reference))
    scorer = load_scorer(artefact, Engine("fp32", "cpu", 1), PROMPTS[task.name], 256, 2048)
    texts, gold = task.pool.texts, task.labels.targets[:, 0].astype(int)
    size, shown = 8, 5
    examples = [(texts[-1 - i], int(gold[-1 - i])) for i in range(size)]
    seconds: dict[bool, list[float]] = {True: [], False: []}
    tokens, found = {}, {}
    for _ in range(3):  # interleaved rounds; CPU seconds, since the machine is shared
        for keep in (True, False):
            scorer.model.keeps, scorer.model.tokens_read = keep, 0
            started = time.process_time()
            found[keep] = drain(scorer.steps(texts[:shown], examples)).plain
            seconds[keep].append(time.process_time() - started)
            tokens[keep] = scorer.model.tokens_read
    kept, again = (float(np.median(seconds[keep])) for keep in (True, False))
    apart = np.abs(np.log(found[True]) - np.log(found[False])).max()
    less = tokens[False] / tokens[True]
    print("| rows | in context | kept, CPU s | read again, CPU s | ratio | ratio of tokens | nats apart at most |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    print(f"| {shown} + 3 | {size} | {kept:.1f} | {again:.1f} | {again / kept:.1f} | {less:.1f} | {apart:.0e} |")


def _measure(
    realisation: str,
    task: Task,
    strong: FeatureSet,
    weak: tuple[FeatureSet, ...],
    relabelling: Relabelling,
    splits: int,
) -> dict[str, Any]:
    started = time.process_time()
    steps = routes_steps(_seen(strong), [_seen(one) for one in weak], task.labels, relabelling, splits=splits)
    return {
        "realisation": realisation,
        "task": task.name,
        "strong": f"{strong.name.partition('#')[0]}#layer={strong.layer}",
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
    """Result files as one Markdown table, a row per cell."""
    found = [row for path in paths for row in csv.DictReader(path.open(newline=""))]
    shown = [name for name in COLUMNS if name != "seconds"]
    lines = ["| " + " | ".join(shown) + " |", "|---|---|---|" + "---:|" * (len(shown) - 3)]
    lines += ["| " + " | ".join(row[name] or "–" for name in shown) + " |" for row in found]
    return "\n".join(lines)


def _seen(features: FeatureSet) -> Representation:
    return Representation(features.name, features.values, features.parameters)


def _features(extractor: Extractor, name: str, layer: str, task: Task) -> FeatureSet:
    parsed = ModelReference.parse(find(name).reference)
    kept = parsed.body + (f"#tokenizer={parsed.tokenizer}" if parsed.tokenizer else "")
    steps = extractor.features(ModelSpec(name, kept, layer=layer), task.pool, Settings(precision="fp32"))
    return replace(drain(steps)[0], name=name)


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
    if "W2S_DATA" not in os.environ:
        sys.exit("set W2S_DATA to the folder that holds the task files")
    folder = Path(os.environ["W2S_DATA"])
    if options.part == "prefix":
        prefix(folder)
        return
    run = {"linear": linear, "prompted": prompted}[options.part]
    tasks = options.task or (TASKS if options.part == "linear" else list(PROMPTS))
    with options.o.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in run(folder, Extractor(), list(tasks)):
            writer.writerow({k: f"{v:.3f}" if isinstance(v, float) else v for k, v in row.items()})
            file.flush()
            print(f"{row['realisation']} · {row['task']} · {row['strong']}: {row['seconds']:.0f} s", file=sys.stderr)
    print(table([options.o]))


if __name__ == "__main__":
    main()
