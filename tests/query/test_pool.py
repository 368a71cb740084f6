"""Pools: identical rows in one order for everybody."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.query.pool import Pool


def test_rows_are_numbered_where_there_are_no_ids():
    assert Pool.of(["a", "b"]).ids == ("0", "1")
    assert Pool.numbered(3).ids == ("0", "1", "2")
    assert Pool.numbered(3).texts == ()
    assert len(Pool.numbered(3)) == 3


def test_the_digest_tells_order_ids_texts_and_boundaries_apart():
    pools = [
        Pool.of(["a", "b"]),
        Pool.of(["b", "a"]),
        Pool.of(["ab", ""]),
        Pool.of(["", "ab"]),
        Pool.of(["a", "b"], ["x", "y"]),
        Pool.of(["a", "b", ""]),
        Pool.numbered(2),
    ]
    assert len({pool.sha256 for pool in pools}) == len(pools)
    assert Pool.of(["a", "b"]).sha256 == pools[0].sha256


def test_the_digest_takes_every_text():
    assert len(Pool.of(["\ud800", "ü", "\x00"]).sha256) == 64


def test_blank_and_repeated_rows_are_counted_and_stored():
    pool = Pool.of(["a", " ", "a", "", "a"])
    assert (len(pool), pool.empty_rows, pool.duplicate_rows) == (5, 2, 2)


def test_taking_rows_preserves_their_ids_and_order():
    taken = Pool.of(["a", "b", "c"], ["x", "y", "z"]).take(np.array([2, 0]))
    assert (taken.ids, taken.texts) == (("z", "x"), ("c", "a"))
    assert Pool.numbered(4).take(np.array([3, 1])).ids == ("3", "1")


@pytest.mark.parametrize(
    ("ids", "texts", "message"),
    [
        (("0",), ("a",), r"the pool has 1 row\(s\); a ranking needs at least 2"),
        ((), (), r"the pool has 0 row\(s\)"),
        (("0", "1"), ("a", "b", "c"), r"2 ids but 3 texts; they must pair one to one"),
        (("0", "1", "0"), ("a", "b", "c"), r"row id '0' occurs more than once"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(ids, texts, message):
    with pytest.raises(InputError, match=message):
        Pool(ids, texts)
