"""Answers to fixed questions do not move unless somebody says why and commits the new ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.golden.cases import ANSWERS, answer, questions

RELATIVE, ABSOLUTE = 1e-6, 1e-8
"""Of numbers: BLAS builds differ in the last digits, and ridges near a tie magnify that."""


def differences(found: Any, expected: Any, path: str = "") -> list[str]:
    """Where two answers differ: other keys, texts or lengths, or numbers further apart than the tolerance."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if list(found) != list(expected):
            return [f"{path}: keys {sorted(set(found) ^ set(expected)) or 'in another order'}"]
        return [line for key in expected for line in differences(found[key], expected[key], f"{path}.{key}")]
    if isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            return [f"{path}: {len(found)} entries, not {len(expected)}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [line for i, (one, other) in pairs for line in differences(one, other, f"{path}[{i}]")]
    if isinstance(expected, float) and isinstance(found, float):
        same = found == pytest.approx(expected, rel=RELATIVE, abs=ABSOLUTE, nan_ok=True)
        return [] if same else [f"{path}: {found!r}, not {expected!r}"]
    return [] if found == expected else [f"{path}: {found!r}, not {expected!r}"]


@pytest.mark.parametrize("name", list(questions()))
def test_committed_answer(name: str) -> None:
    """The answer is the committed one: the same words and keys in the same order, numbers to 1e-6."""
    expected = json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))
    assert differences(answer(questions()[name]), expected) == []


def test_differences_are_seen() -> None:
    """A moved number, another word, a missing key and a shorter list each show up."""
    base = {"a": [1.0, 2.0], "b": "x"}
    assert differences(base, base) == []
    for other in ({"a": [1.0, 2.1], "b": "x"}, {"a": [1.0], "b": "x"}, {"a": [1.0, 2.0], "b": "y"}, {"a": [1.0, 2.0]}):
        assert differences(other, base)
