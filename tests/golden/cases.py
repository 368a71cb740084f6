"""Fixed questions whose answers are committed beside this file.

Usage: python -m tests.golden.cases [--check]

Writes `answers/NAME.json`, or with --check lists the answers that differ: exactly, but for wall times, versions,
sentences and the names in RENAMED. Equality of every bit holds on one machine; `test_answers` compares numbers with a
tolerance, since BLAS builds differ in the last digits.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import predictor
from predictor.estimators.registry import ESTIMATORS
from tests.estimators.cases import predictions, task, teachers

ANSWERS = Path(__file__).with_name("answers")
NOISES = (0.1, 0.6, 1.2, 2.5)
MANY_ROWS = 400

RENAMED = {"wording": "label_prompt", "stage_left": "stage_eliminated"}
"""Keys and identifiers of the committed answers -> what they are called since."""


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
    every = [name for name in ESTIMATORS if name != "truth"]  # it was added after the answers were committed
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


def renamed(found: Any) -> Any:
    """A committed answer under today's names."""
    if isinstance(found, dict):
        return {RENAMED.get(key, key): renamed(value) for key, value in found.items()}
    if isinstance(found, list):
        return [renamed(value) for value in found]
    return RENAMED.get(found, found) if isinstance(found, str) else found


def differences(found: Any, expected: Any, same: Callable[[float, float], bool], path: str = "") -> list[str]:
    """Where two answers differ: keys, lengths, identifiers or numbers. Sentences may be worded anew."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if list(found) != list(expected):
            return [f"{path}: keys {sorted(set(found) ^ set(expected)) or 'in another order'}"]
        return [line for key in expected for line in differences(found[key], expected[key], same, f"{path}.{key}")]
    if isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            return [f"{path}: {len(found)} entries, not {len(expected)}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [line for i, (one, other) in pairs for line in differences(one, other, same, f"{path}[{i}]")]
    if isinstance(expected, str) and isinstance(found, str) and " " in expected and " " in found:
        return []
    equal = same(found, expected) if isinstance(found, float) and isinstance(expected, float) else found == expected
    return [] if equal else [f"{path}: {found!r}, not {expected!r}"]


def text_of(found: dict[str, Any]) -> str:
    """The bytes that are committed."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write every answer, or compare."""
    differ = []
    for name, asked in questions().items():
        path, found = ANSWERS / f"{name}.json", answer(asked)
        if "--check" not in sys.argv[1:]:
            path.write_text(text_of(found), encoding="utf-8")
            continue
        expected = renamed(json.loads(path.read_text(encoding="utf-8")))
        differ += [name + line for line in differences(found, expected, float.__eq__)]
    print("\n".join(differ) or "no answer differs")
    return 1 if differ else 0


if __name__ == "__main__":
    raise SystemExit(main())
