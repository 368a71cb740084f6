"""Partitions: sizes as asked for, and groups that never straddle a cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.errors import InputError
from predictor.training.partition import first_words, partition, recut
from predictor.training.splits import thirds


def rng(seed=0):
    return np.random.default_rng(seed)


def sizes(part):
    return len(part.weak), len(part.student), len(part.test)


def test_thirds_are_cut_as_they_always_were():
    asked, known = partition(100, rng(3)), thirds(100, rng(3))
    for name in ("weak", "student", "test"):
        np.testing.assert_array_equal(getattr(asked, name), getattr(known, name))


def test_parts_have_the_sizes_asked_for_and_the_rest_is_tested_on():
    assert sizes(partition(100, rng(), weak_rows=20, student_rows=50)) == (20, 50, 30)
    assert sizes(partition(100, rng(), student_rows=50)) == (33, 50, 17)


@given(st.lists(st.integers(1, 9), min_size=60, max_size=80), st.integers(0, 10_000))
def test_a_group_lies_in_one_part_and_sizes_are_met_within_half_a_group(lengths, seed):
    groups = rng(seed).permutation(np.repeat(np.arange(len(lengths)), lengths))
    rows = len(groups)
    part = partition(rows, rng(seed), weak_rows=rows // 4, student_rows=rows // 3, groups=groups)
    assert sorted(np.concatenate([part.weak, part.student, part.test])) == list(range(rows))
    held = [set(groups[one]) for one in (part.weak, part.student, part.test)]
    assert len(held[0] | held[1] | held[2]) == sum(map(len, held))
    assert abs(len(part.weak) - rows // 4) <= max(lengths) / 2
    assert abs(len(part.weak) + len(part.student) - rows // 4 - rows // 3) <= max(lengths) / 2


def test_different_splits_deal_groups_differently():
    groups = np.arange(60) // 3
    assert set(partition(60, rng(1), groups=groups).weak) != set(partition(60, rng(2), groups=groups).weak)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"weak_rows 60 and student_rows 35 of 100 rows leave 5 to test on; .* 8\."):
        partition(100, rng(), weak_rows=60, student_rows=35)
    with pytest.raises(InputError, match=r"weak_rows 33 and student_rows 4 of 100 rows leave 63"):
        partition(100, rng(), student_rows=4)


def test_groups_too_large_to_cut_are_refused():
    with pytest.raises(InputError, match=r"the 2 groups cannot be cut .* the largest has 90 of 100 rows.*Group more"):
        partition(100, rng(), groups=np.arange(100) // 90)


def test_rows_are_grouped_by_their_first_words_case_and_marks_aside():
    texts = ["I took the dog out.", "i took, the cat", "I walked the dog", "", "...", "I took"]
    np.testing.assert_array_equal(first_words(texts, 2), [0, 0, 1, 2, 2, 0])
    assert len(set(first_words(texts, 4))) == 5


def test_grouping_needs_texts_and_words():
    with pytest.raises(InputError, match="there are no texts; name the rows"):
        first_words([], 2)
    with pytest.raises(InputError, match="grouped by 0 words; give 1 or more"):
        first_words(["a"], 0)


def test_cutting_anew_preserves_the_gold_rows_and_the_sizes():
    part = thirds(50, np.random.default_rng(1))
    again = recut(part, np.random.default_rng(2))
    assert again.weak is part.weak
    assert (len(again.student), len(again.test)) == (len(part.student), len(part.test))
    assert sorted(np.concatenate([again.student, again.test])) == sorted(np.concatenate([part.student, part.test]))
    assert set(again.student) != set(part.student)
