"""Kept heads: the same head for the same rows, and no more memory than allowed."""

from __future__ import annotations

import numpy as np

from predictor.heads.kept import KeptHeads
from predictor.heads.ridge import FactoredRidge

FEATURES = np.random.default_rng(0).standard_normal((40, 5))
FIRST, REST = np.arange(20), np.arange(20, 40)


def test_same_rows() -> None:
    """The head of the same rows is not factored again, that of others is, and each is what it would be."""
    kept = KeptHeads()
    head = kept.of(FEATURES, FIRST, REST)
    assert kept.of(FEATURES, FIRST.copy(), REST.copy()) is head
    other = kept.of(FEATURES, REST, FIRST)
    np.testing.assert_array_equal(other.transfer, FactoredRidge.of(FEATURES[REST], FEATURES[FIRST]).transfer)


def test_limit() -> None:
    """The head that was asked for longest ago goes first; the newest stays even where it is larger than allowed."""
    size = FactoredRidge.of(FEATURES[FIRST], FEATURES[REST]).nbytes
    kept = KeptHeads(2 * size)
    first, second = kept.of(FEATURES, FIRST, REST), kept.of(FEATURES, REST, FIRST)
    assert kept.of(FEATURES, FIRST, REST) is first
    kept.of(FEATURES, FIRST, FIRST)
    assert kept.of(FEATURES, FIRST, REST) is first
    assert kept.of(FEATURES, REST, FIRST) is not second
    assert KeptHeads(0).of(FEATURES, FIRST, REST).rows == len(FIRST)
