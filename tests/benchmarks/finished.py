"""Finished teachers: weak labels of heads that were trained elsewhere, with and without gold labels of some rows.

    W2S_DATA=FOLDER python -m tests.benchmarks.finished > tests/benchmarks/finished.md

Five teachers, logistic heads on 3,000 rows of `sentence_polarity`, give class probabilities of 900 other rows. Students
are trained on these really, on halves of the rows without gold labels. Each estimator orders the teachers from the
same weak labels and the gold labels of the first rows. ρ is Spearman's with the measured W2S error.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

from predictor.estimators.cross_fitted_students import by_ridge
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Forecaster
from predictor.estimators.registry import find as estimator
from predictor.extraction.extractor import Extractor
from predictor.folders import cache_dir
from predictor.intake.rows import read_task
from predictor.models.known_models import find
from predictor.models.resolve import resolve
from predictor.query.labels import Labels
from predictor.query.model_reference import ModelReference
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from predictor.steps import drain
from predictor.training.learners import LogisticHeads
from tests.benchmarks.lineup import data_folder, ready
from tests.benchmarks.one_truth import shown

TASK = "sentence_polarity"
TEACHERS = (
    ("random-MiniLM", "6"),
    ("bert-tiny-questions", "2"),
    ("wordllama-256", "last"),
    ("all-MiniLM-L6-v2", "2"),
    ("all-MiniLM-L6-v2", "6"),
)
STUDENTS = (("all-mpnet-base-v2", "8"), ("SmolLM2-135M-Instruct", "15"))
ESTIMATORS = ("truth_posterior", "consensus_truth", "truth")
TRAINED, ROWS = 3000, 900
GOLD = (0, 50, 100)


def random_weights() -> Path:
    """all-MiniLM-L6-v2 with random weights (seed 0): what its architecture and tokenizer alone give."""
    folder = cache_dir() / "controls" / "random-MiniLM"
    if not (folder / "model.safetensors").exists():
        import torch
        from transformers import AutoConfig, AutoModel

        twin = resolve(ModelReference.parse(ready(find("all-MiniLM-L6-v2"))), cache_dir()).folder
        shutil.copytree(twin, folder, ignore=shutil.ignore_patterns("*.bin", "*.safetensors", "*.onnx"))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            AutoModel.from_config(AutoConfig.from_pretrained(twin)).save_pretrained(folder)
    return folder


def features(extractor: Extractor, name: str, layer: str, pool: Pool) -> Array:
    """(n, d) pooled hidden states."""
    reference = str(random_weights()) if name == "random-MiniLM" else ready(find(name))
    spec = ModelSpec(name, reference, layer=layer)
    found: Array = drain(extractor.features(spec, pool, Settings(precision="fp32")))[0].values.astype(np.float64)
    return found


def weak_labels(given: Array, labels: Labels) -> Array:
    """(ROWS, k) class probabilities of a logistic head that the TRAINED rows after them have."""
    others, rows = np.arange(ROWS, ROWS + TRAINED), np.arange(ROWS)
    return LogisticHeads(given, None).on(others, rows).learn(labels.targets[others], 0, gold=True)


def main() -> None:
    """Print the table."""
    pool, labels = read_task(data_folder() / f"{TASK}.jsonl")
    order = np.random.default_rng(0).permutation(len(pool))[: ROWS + TRAINED]
    pool, labels, extractor = pool.take(order), labels.take(order), Extractor()
    given = [features(extractor, *one, pool) for one in TEACHERS]
    names = [f"{name}#{layer}" for name, layer in TEACHERS]
    tables = [weak_labels(one, labels) for one in given]
    rows, truth = np.arange(ROWS), labels.targets[:ROWS]
    weak = tuple(Representation(name, one[:ROWS]) for name, one in zip(names, given, strict=True))
    right = ", ".join(
        f"{name} {np.mean((table >= 0.5) == truth):.2f}" for name, table in zip(names, tables, strict=True)
    )
    sys.stdout.write(f"# Finished teachers\n\n{__doc__.split(chr(10) * 2, 2)[2].strip()}\n\nAccuracies: {right}.\n\n")
    sys.stdout.write("| student | gold rows | " + " | ".join(ESTIMATORS) + " |\n|---|---:|" + "---:|" * len(ESTIMATORS))
    for name, layer in STUDENTS:
        student = features(extractor, name, layer, pool.take(rows))
        learned = by_ridge(student, Training(), np.random.default_rng(17))(np.stack(tables))
        for count in GOLD:
            measured = np.mean(np.sum((learned[:, count:] - truth[count:]) ** 2, axis=2), axis=1)
            gold = shown(labels.take(rows), rows[:count]) if count else None
            case = Case(Representation(name, student), weak, gold, dict(zip(names, tables, strict=True)))
            found = [_correlation(estimator(one), case, measured) for one in ESTIMATORS]
            sys.stdout.write(f"\n| {name}#{layer} | {count} | " + " | ".join(found) + " |")
    sys.stdout.write("\n")


def _correlation(one: Forecaster, case: Case, measured: Array) -> str:
    if one.name == "truth_posterior" and case.labels is None:
        return "–"
    return f"{rank_correlation(one.forecast(case).error, measured):.2f}"


if __name__ == "__main__":
    main()
