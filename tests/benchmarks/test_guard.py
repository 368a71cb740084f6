"""The guard's own judgement; what it measures is measured by `python -m tests.benchmarks.guard`."""

from __future__ import annotations

import pytest

from tests.benchmarks import guard


@pytest.mark.parametrize(
    ("now", "before", "stated"),
    [(1.34, 1.0, "same"), (1.36, 1.0, "grown"), (0.75, 1.0, "same"), (0.7, 1.0, "fell"), (5.0, None, "new")],
)
def test_a_cost_is_scored_by_its_own_tolerance(now, before, stated):
    name = "kernel stage over its products, 16,384 × 256"
    assert guard.COSTS[name].tolerance == 0.35
    assert guard.result(name, now, before) == stated


def test_the_table_knows_only_costs_that_are_still_measured():
    assert set(guard.known()) <= set(guard.COSTS)


def test_a_candidate_is_read_once_for_all_three_forms_but_for_the_mean_of_its_first_chunk():
    assert guard.passes() == pytest.approx(1.1)
    assert guard.passes() == pytest.approx(guard.known()["reads of a candidate's rows, all forms"])


@pytest.mark.parametrize("name", [name for name in guard.COSTS if "answer" in name])
def test_operations_of_an_answer(name: str) -> None:
    """An answer factors no more, and calls no more functions, than when last looked at."""
    assert guard.result(name, guard.COSTS[name].measure(), guard.known()[name]) != "grown"
