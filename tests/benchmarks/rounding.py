"""What bf16 does to features and to answers, a line per pair of models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.problem import Case, Representation
from predictor.estimators.xue2025 import RepresentationGap
from predictor.extraction.backend import LayerPooling, Runtime
from predictor.extraction.extractor import CPU_TOKENS
from predictor.extraction.loaded import load_model
from predictor.extraction.precision import drift_of
from predictor.folders import cache_dir
from predictor.models.known_models import find
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from tests.benchmarks.lineup import ready
from tests.benchmarks.sides import ours

PAIRS = (
    ("subjectivity", "all-mpnet-base-v2", "all-MiniLM-L6-v2"),
    ("esol", "rxnfp-bert_ft", "rxnfp-bert_pretrained"),
    ("esol", "rxnfp-bert_ft", "rxnmapper-albert"),
)
"""Task, strong model and candidate whose rounding is followed into the answer."""


def rounding(data: Path, rows: int) -> list[str]:
    """What bf16 does to features and to answers, a line per pair; both models rounded, both at their middle layer."""
    lines = [
        "| task (rows) | strong ← weak | drift of weak: on witnesses, on these rows | representation gap, "
        "fp32 → bf16 | predicted W2S error, fp32 → bf16 |",
        "|---|---|---|---|---|",
    ]
    for task, strong, weak in PAIRS:
        listed = (data / f"{task}.jsonl").read_text(encoding="utf-8").splitlines()[:rows]
        texts = [json.loads(line)["text"] for line in listed]
        found = {one: [_middle(name, texts, one) for name in (strong, weak)] for one in ("fp32", "bf16")}
        answers = {one: _answers(pair[0][0], pair[1][0]) for one, pair in found.items()}
        witnessed, seen = found["bf16"][1][1], drift_of(found["fp32"][1][0], found["bf16"][1][0])
        lines.append(
            f"| {task} ({rows}) | {strong} ← {weak} | {witnessed:.3f}, {seen:.3f} | "
            + " | ".join(
                f"{a:.5f} → {b:.5f} ({b - a:+.0e})" for a, b in zip(answers["fp32"], answers["bf16"], strict=True)
            )
            + " |"
        )
    return lines


def _middle(name: str, texts: list[str], precision: str) -> tuple[np.ndarray, float]:
    """Features at the middle layer, and its drift as the model's facts has it."""
    zoo = find(name)
    ready(zoo)
    model = load_model(resolve(ModelReference.parse(zoo.reference), cache_dir()), Runtime(precision, "cpu", 1))
    layer = (model.facts.layers + 1) // 2
    values = ours(model, texts, LayerPooling(layer, "mean"), CPU_TOKENS)
    return values, model.facts.drift[layer] if model.facts.drift else 0.0


def _answers(strong: np.ndarray, weak: np.ndarray) -> tuple[float, float]:
    case = Case(Representation("s", strong), (Representation("w", weak),))
    gap = RepresentationGap("operator").estimate(case)[0].value
    return float(gap or 0.0), float(LabelPriorSimulation(shuffles=0).forecast(case).error[0])
