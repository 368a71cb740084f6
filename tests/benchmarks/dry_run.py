"""The time that `--dry-run` announces against the time that the same reads then take, model by model.

Run as `python -m tests.benchmarks.dry_run -o tests/benchmarks/dry_run.md`: some minutes. Needs `W2S_DATA`. The probe is
repeated before every model, as every `--dry-run` does, so that another load of the machine is part of the error.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from predictor.extraction.dry_run import plan
from predictor.extraction.extractor import Extractor
from predictor.folders import cache_dir
from predictor.intake.request import build_query
from predictor.models.known_models import KNOWN_MODELS, KnownModel
from predictor.ranking.refining import MAX_ROWS
from predictor.steps import drain

ROWS = {"text": ("sentence_polarity", 150), "smiles": ("esol", 400)}
"""Task and number of rows by what a model reads."""

SKIPPED = ("potion-base-8M", "wordllama-256")
"""Tables of embeddings: no products to count, and read in milliseconds."""


def measure(model: KnownModel, precision: str) -> tuple[float, float] | None:
    """Announced and measured seconds of the forward passes; None where the model is not on this machine."""
    task, rows = ROWS[model.reads]
    joint = "&" if "#" in model.reference else "#"
    with tempfile.TemporaryDirectory() as empty:
        cache = Path(empty)
        for shared in ("wheels", "unpacked", "converted"):
            os.symlink(cache_dir() / shared, cache / shared)
        query = build_query(
            strong=f"m={model.reference}{joint}layer=last",
            weak=[f"w={model.reference}{joint}layer=1"],
            pool=str(Path(os.environ["W2S_DATA"]) / f"{task}.jsonl"),
            max_rows=rows,
            precision=precision,
        )
        steps = plan(query, MAX_ROWS, cache)
        if any(step.seconds is None for step in steps):
            return None
        marks: list[float] = []
        source = Extractor(cache, prefetch=False)
        source.announce((query.strong, *query.weak), query.pool)
        drain(
            source.features(query.strong, query.pool, query.settings),
            lambda step: marks.append(time.perf_counter()) if step.phase == "extract" else None,
        )
        return sum(step.seconds or 0.0 for step in steps), marks[-1] - marks[0]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    lines = [
        "# What `--dry-run` announces, and what it takes",
        "",
        "`python -m tests.benchmarks.dry_run -o tests/benchmarks/dry_run.md`. Seconds of forward passes through all",
        "blocks, one model asked for twice (as student and as candidate) and read in one pass.",
        "",
        "| model | precision | announced, s | measured, s | measured / announced |",
        "|---|---|---|---|---|",
    ]
    for model in KNOWN_MODELS:
        for precision in ("fp32", "bf16") if model.name not in SKIPPED else ():
            found = measure(model, precision)
            row = (
                "– | – | not on this machine"
                if found is None
                else f"{found[0]:.2f} | {found[1]:.2f} | {found[1] / found[0]:.2f}"
            )
            lines.append(f"| {model.name} | {precision} | {row} |")
            print(lines[-1], flush=True)
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
