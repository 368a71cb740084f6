"""Answers to fixed questions do not move unless somebody says why and commits the new ones."""

from __future__ import annotations

import json

import pytest

from tests.golden.cases import ANSWERS, answer, differences, questions, renamed

RELATIVE, ABSOLUTE = 1e-6, 1e-8
"""Of numbers: BLAS builds differ in the last digits, and ridges near a tie magnify that."""


def close(found: float, expected: float) -> bool:
    """Whether two numbers agree within the tolerance."""
    return bool(found == pytest.approx(expected, rel=RELATIVE, abs=ABSOLUTE, nan_ok=True))


@pytest.mark.parametrize("name", list(questions()))
def test_committed_answer(name: str) -> None:
    """The answer is the committed one: the same keys in the same order, the same identifiers, numbers to 1e-6."""
    expected = renamed(json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8")))
    assert differences(answer(questions()[name]), expected, close) == []


def test_differences_are_seen() -> None:
    """A moved number, another word, a missing key and a shorter list each show up."""
    base = {"a": [1.0, 2.0], "b": "x"}
    assert differences(base, base, close) == []
    for other in ({"a": [1.0, 2.1], "b": "x"}, {"a": [1.0], "b": "x"}, {"a": [1.0, 2.0], "b": "y"}, {"a": [1.0, 2.0]}):
        assert differences(other, base, close)
