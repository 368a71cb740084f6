"""Fixed questions whose answers are committed beside this file.

Usage: python -m tests.golden.cases [--check]

Writes `answers/NAME.json`, or with --check says which answers are no longer those, byte for byte but for wall times and
versions. Bytes hold on one machine; `test_answers` compares numbers with a tolerance, since BLAS builds differ in the
last digits.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import predictor
from predictor.estimators.registry import ESTIMATORS
from tests.estimators.cases import predictions, task, teachers

ANSWERS = Path(__file__).with_name("answers")
NOISES = (0.1, 0.6, 1.2, 2.5)
MANY_ROWS = 400


def _question(kind: str = "regression", rows: int = 120, gold: float = 0.0, weak: bool = False) -> dict[str, Any]:
    """Keywords of `predictor.predict` for the same four teachers, with gold or weak labels where asked."""
    strong, models = teachers(NOISES, rows)
    values = task(strong, kind)
    asked: dict[str, Any] = {"strong": strong.features, "weak": {m.name: m.features for m in models}, "seed": 3}
    if gold:
        asked["labels"] = np.where(np.arange(rows) < gold * rows, values, np.nan)
    if weak:
        asked["weak_labels"] = {m.name: predictions(values, kind, 0.2 + i) for i, m in enumerate(models)}
    return asked


def questions() -> dict[str, dict[str, Any]]:
    """Name -> keywords of `predictor.predict`."""
    every = list(ESTIMATORS)
    return {
        "nothing": _question(),
        "nothing_by_gain": _question() | {"rank_by": "gain"},
        "own_training": _question() | {"weak_rows": 30, "student_rows": 60, "weak_ridge": 0.1, "student_ridge": 0.01},
        "in_stages": _question(rows=MANY_ROWS) | {"budget": 0.5},
        "gold_numbers": _question(gold=0.4) | {"estimators": every},
        "gold_binary": _question("binary", gold=0.4) | {"estimators": every},
        "gold_multiclass": _question("multiclass", gold=0.4),
        "gold_logistic_hard": _question("binary", gold=0.4) | {"heads": "logistic", "label_form": "hard"},
        "weak_numbers": _question(weak=True) | {"estimators": every},
        "weak_binary": _question("binary", weak=True) | {"estimators": every, "refine": "linear"},
        "weak_multiclass": _question("multiclass", weak=True),
        "gold_and_weak_binary": _question("binary", gold=0.4, weak=True),
        "gold_in_stages": _question("binary", rows=MANY_ROWS, gold=0.4) | {"confidence": 0.9},
        "constant_candidate": _question() | {"weak": _question()["weak"] | {"flat": np.ones((120, 3))}},
        "gap": _question() | {"estimators": ["representation_gap"]},
    }


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """The answer's JSON without what a second run would not repeat: wall times and versions of libraries."""
    found: dict[str, Any] = json.loads(predictor.predict(**asked).to_json())
    found["provenance"]["versions"] = sorted(found["provenance"]["versions"])
    for candidate in found["candidates"]:
        candidate["timings"] = sorted(candidate["timings"])
    return found


def text_of(found: dict[str, Any]) -> str:
    """The bytes that are committed."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write every answer, or compare."""
    differ = []
    for name, asked in questions().items():
        path, text = ANSWERS / f"{name}.json", text_of(answer(asked))
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            differ.append(name)
    print(f"differ: {', '.join(differ) or 'none'}")
    return 1 if differ else 0


if __name__ == "__main__":
    raise SystemExit(main())
