"""How far answers by torch are from those by numpy on real rows: four tasks, every kind of evidence.

    python -m tests.benchmarks.answer_device_tasks [--device cpu] [-o tests/benchmarks/answer_device_tasks.md]

The student is the last layer of all-MiniLM-L6-v2 and the candidates are layers 1 to 5, on 400 rows of each task in
$W2S_DATA. Weak labels and the proxy are the gold labels with noise. Apart is as in `tests.benchmarks.answer_device`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import predictor
from predictor.models.known_models import find
from tests.benchmarks.answer_device import apart
from tests.benchmarks.lineup import data_folder, read

TASKS = ("subjectivity", "ethics_justice", "tox21_sr_are", "esol")
ROWS, LAYERS = 400, (1, 2, 3, 4, 5)
LOGISTIC = "gold labels of a third, logistic heads, hard labels"
"""Evidence of classes only."""


def evidence(targets: np.ndarray) -> dict[str, dict[str, Any]]:
    """Kind -> keywords of `predictor.rank`, for (n,) gold labels."""
    rng, classes, place = np.random.default_rng(0), set(targets) == {0.0, 1.0}, np.arange(len(targets))
    noise = rng.standard_normal((len(LAYERS), len(targets)))
    weak = np.clip(0.6 * targets + 0.2 + 0.1 * noise, 0.0, 1.0) if classes else targets + noise
    third, ninth = ({"labels": np.where(place % step == 0, targets, np.nan)} for step in (3, 9))
    found: dict[str, dict[str, Any]] = {
        "nothing": {},
        "nothing, label_prior_simulation": {"estimators": "label_prior_simulation"},
        "proxy": {"proxies": {"proxy": targets + rng.standard_normal(len(targets))}},
        "weak labels": {"weak_labels": {f"layer{layer}": own for layer, own in zip(LAYERS, weak, strict=True)}},
        "gold labels of a third": third,
        "gold labels of a ninth, fewer than heads are trained on": ninth | {"weak_rows": 120},
    }
    return found | ({LOGISTIC: third | {"heads": "logistic", "label_form": "hard"}} if classes else {})


def distances(name: str, device: str) -> dict[str, float]:
    """Kind of evidence -> how far the two answers on one task are apart."""
    task, model = read(name, data_folder()), find("all-MiniLM-L6-v2").reference
    found = {}
    for kind, given in evidence(task.labels.targets[:ROWS, 0]).items():
        one, other = (
            predictor.rank(
                strong=f"{model}#layer=6",
                weak={f"layer{layer}": f"{model}#layer={layer}" for layer in LAYERS},
                pool=list(task.pool.texts[:ROWS]),
                precision="fp32",
                answer_device=side,
                **given,
            )
            for side in ("numpy", device)
        )
        found[kind] = apart(one, other)
    return found


def main() -> None:
    """Print the table, and write it where told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    found = {name: distances(name, given.device) for name in TASKS}
    lines = [
        "# Answers by torch and by numpy on real rows",
        "",
        f"The largest difference of any number of an answer, as a share of that number; {given.device} against numpy. "
        "Made by `python -m tests.benchmarks.answer_device_tasks`.",
        "",
        "| evidence | " + " | ".join(TASKS) + " |",
        "|---" + "|---:" * len(TASKS) + "|",
    ]
    for kind in dict.fromkeys(kind for one in found.values() for kind in one):
        cells = (f"{one[kind]:.0e}" if kind in one else "–" for one in found.values())
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    print("\n".join(lines))
    if given.output:
        given.output.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
