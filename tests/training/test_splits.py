"""Splits of a pool into three parts, and what is cut where the rows are too few."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.training.splits import fitted, thirds


def test_thirds_are_disjoint_random_and_cover_the_pool():
    part = thirds(50, np.random.default_rng(7))
    assert [len(rows) for rows in (part.weak, part.student, part.test)] == [16, 16, 18]
    assert sorted(np.concatenate([part.weak, part.student, part.test])) == list(range(50))
    assert not np.array_equal(part.weak, thirds(50, np.random.default_rng(8)).weak)


def test_too_few_rows_for_thirds_are_refused_with_the_least_that_works():
    with pytest.raises(InputError, match=r"23 rows are too few.*at least 24"):
        thirds(23, np.random.default_rng(0))
    assert len(thirds(24, np.random.default_rng(0)).test) == 8


@pytest.mark.parametrize(
    ("rows", "asked", "shown"),
    [
        (800, (60, 400), (60, 400)),
        (100, (33, 57), (33, 57)),  # 10 of 100 rows are left to test on
        (100, (33, 58), (33, 57)),
        (2000, (500, 50_000), (500, 1300)),
        (2000, (50_000, 500), (1300, 500)),
        (2000, (5000, 50_000), (900, 900)),
        (24, (8, 8), (8, 8)),
        (24, (9, 8), (8, 8)),
        (25, (100, 100), (8, 9)),  # 17 rows of room
    ],
)
def test_parts_too_large_for_the_rows_are_cut_where_the_last_rows_matter_least(rows, asked, shown):
    assert fitted(rows, *asked) == shown


def test_thirds_always_fit():
    for rows in range(24, 400):
        assert fitted(rows, rows // 3, rows // 3) == (rows // 3, rows // 3)
