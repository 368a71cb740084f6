"""The table in the estimators' README agrees with what estimators declare."""

from __future__ import annotations

import re
from pathlib import Path

import predictor.estimators
from predictor.estimators.protocol import Forecaster, predicted
from predictor.estimators.registry import ESTIMATORS

README = Path(predictor.estimators.__file__).with_name("README.md")
NEEDS = {"representations": "nothing", "weak_labels": "weak labels", "few_labels": "gold labels"}
PREDICTS = {"w2s_error": "W2S error", "gain": "gain", "weak_error": "weak error", "nothing": "–"}


def test_every_estimator_has_its_row():
    section = README.read_text(encoding="utf-8").split("## What each needs and predicts")[1].split("## What each is")[0]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in section.splitlines() if "| `" in line
    ]
    expected = []
    for name, one in ESTIMATORS.items():
        outcome = PREDICTS[predicted(one)] + (", gain" if isinstance(one, Forecaster) else "")
        expected.append((f"`{name}`", NEEDS[one.evidence.name], outcome, one.unit, one.better, one.source))
    assert rows == expected


def test_every_file_that_the_readme_names_exists():
    tests = Path(__file__).parents[1]
    for name in re.findall(r"`([a-z0-9_./*]+\.py)`", README.read_text(encoding="utf-8")):
        places = (README.parent, tests, tests / "estimators", tests.parent)
        assert any((place / name).exists() for place in places), name
