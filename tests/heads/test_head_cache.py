"""HeadCache: the same head for the same rows, and no more memory than allowed."""

from __future__ import annotations

import numpy as np

from predictor.heads.head_cache import HeadCache
from predictor.heads.ridge import FactoredRidge

FEATURES = np.random.default_rng(0).standard_normal((40, 5))
FIRST, REST = np.arange(20), np.arange(20, 40)


def test_same_rows() -> None:
    """The head of the same rows is not factored again, that of others is, and each is what it would be."""
    cache = HeadCache()
    head = cache.of(FEATURES, FIRST, REST)
    assert cache.of(FEATURES, FIRST.copy(), REST.copy()) is head
    other = cache.of(FEATURES, REST, FIRST)
    np.testing.assert_array_equal(other.transfer, FactoredRidge.of(FEATURES[REST], FEATURES[FIRST]).transfer)


def test_limit() -> None:
    """The head that was asked for longest ago goes first; the newest stays even where it is larger than allowed."""
    size = FactoredRidge.of(FEATURES[FIRST], FEATURES[REST]).nbytes
    cache = HeadCache(2 * size)
    first, second = cache.of(FEATURES, FIRST, REST), cache.of(FEATURES, REST, FIRST)
    assert cache.of(FEATURES, FIRST, REST) is first
    cache.of(FEATURES, FIRST, FIRST)
    assert cache.of(FEATURES, FIRST, REST) is first
    assert cache.of(FEATURES, REST, FIRST) is not second
    assert HeadCache(0).of(FEATURES, FIRST, REST).rows == len(FIRST)
