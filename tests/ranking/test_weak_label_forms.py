"""Weak labels whose columns or scale do not go together: refused by what was given, or warned of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import predictor
from predictor.errors import InputError
from predictor.intake.predictions import predictions_of
from predictor.results.ranking import Ranking

ROWS = 90
RNG = np.random.default_rng(4)
HIDDEN = RNG.standard_normal((ROWS, 5))
LOGITS = 4.0 * HIDDEN[:, 0] + RNG.standard_normal((3, ROWS))
SHARES = 1.0 / (1.0 + np.exp(-LOGITS))
GOLD = np.where(np.arange(ROWS) < 40, HIDDEN[:, 0] > 0.0, np.nan)


def ranked(weak_labels: dict[str, Any], labels: Any = None) -> Ranking:
    weak = {name: HIDDEN[:, : place + 2] for place, name in enumerate(weak_labels)}
    return predictor.predict(strong=HIDDEN, weak=weak, weak_labels=weak_labels, labels=labels)


def two_columns(first: np.ndarray) -> np.ndarray:
    return np.stack([first, -first], axis=1)


@pytest.mark.parametrize("gold", [None, GOLD])
def test_logits_in_columns(gold: Any) -> None:
    """Logits of two classes beside probabilities: they sum to nothing in particular."""
    with pytest.raises(InputError, match=r"'b' have 2 columns, and those of row 0 sum to 0;.*softmax of logits"):
        ranked({"a": SHARES[0], "b": two_columns(LOGITS[1])}, gold)


def test_columns_that_differ() -> None:
    """Three classes beside one number per row, where no gold label gives the number of columns."""
    three = np.stack([SHARES[1] / 2, SHARES[1] / 2, 1 - SHARES[1]], axis=1)
    with pytest.raises(InputError, match=r"'a' have 1 column\(s\) and those of 'b' 3; give all .* in one form"):
        ranked({"a": SHARES[0], "b": three})
    failed = next(one for one in ranked({"a": SHARES[0], "b": three}, GOLD).candidates if one.name == "b")
    assert failed.error is not None
    assert failed.error.reason == "COLUMNS_DIFFER"


def test_logits_beside_gold_classes() -> None:
    """They fail alone: as votes they would change the unit of all others."""
    found = {one.name: one for one in ranked({"a": SHARES[0], "b": LOGITS[1]}, GOLD).candidates}
    assert found["b"].error is not None
    assert "give probabilities from 0 to 1 (of logits the sigmoid)" in found["b"].error.message
    assert found["a"].error is None


def test_linear_scores_beside_gold_classes() -> None:
    """Linear heads leave the range of probabilities a little."""
    assert all(one.error is None for one in ranked({"a": SHARES[0], "b": SHARES[1] * 1.6 - 0.3}, GOLD).candidates)


def test_scales_that_differ() -> None:
    """Without gold labels these may be numbers: a warning names those that leave the range."""
    mixed = [one for one in ranked({"a": SHARES[0], "b": LOGITS[1]}).warnings if "read as numbers" in one]
    assert len(mixed) == 1
    assert "of b go from" in mixed[0]
    assert "those of a from 0 to 1" in mixed[0]
    alike = {"a": LOGITS[0], "b": LOGITS[1]}
    assert not [one for one in ranked(alike).warnings if "read as numbers" in one]


def test_rounded_shares() -> None:
    """Probabilities of two decimals count as such: 0.33, 0.33, 0.33 is a row of three even classes."""
    found = predictions_of(np.array([[0.33, 0.33, 0.33], [0.2, 0.2, 0.6]]), 2, "a")
    np.testing.assert_allclose(found, [[1 / 3] * 3, [0.2, 0.2, 0.6]])
