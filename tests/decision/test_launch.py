"""Launch sets: against trying every set, and by cases where the best set is not that of the best candidates."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from predictor.decision import launch as module
from predictor.decision.launch import best_launch, one_more
from predictor.decision.regret import expected_regret

EVEN = np.ones(6)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_set_has_less_regret(seed, count):
    losses = np.random.default_rng(seed).standard_normal((60, 6)) + np.arange(6) * 0.1
    found = best_launch(losses, range(6), count, EVEN)
    assert found.regret == pytest.approx(min(expected_regret(losses, one) for one in combinations(range(6), count)))
    assert found.cost == len(found.chosen)


def test_a_twin_of_the_first_is_not_launched_beside_it():
    """a and b are alike and best in the mean; c is best in a quarter of the worlds."""
    a = np.tile([0.0, 0.0, 0.0, 1.0], 10)
    losses = np.stack([a, a + 0.01, np.tile([0.7, 0.7, 0.7, 0.0], 10)], axis=1)
    assert best_launch(losses, range(3), 2, EVEN).chosen == (0, 2)
    assert best_launch(losses, range(3), 1, EVEN).chosen == (0,)


def test_only_allowed_candidates_are_launched():
    losses = np.array([[0.0, 1.0, 2.0]])
    assert best_launch(losses, [1, 2], 1, EVEN).chosen == (1,)
    assert best_launch(losses, [1, 2], 1, EVEN).regret == 1.0


def test_no_more_are_launched_than_help():
    losses = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
    assert best_launch(losses, range(3), 3, EVEN).chosen == (0,)


def test_with_a_tolerance_the_cheapest_of_the_near_sets_is_taken():
    losses = np.array([[0.0, 0.004, 0.5]])
    costs = np.array([9.0, 1.0, 0.5])
    assert best_launch(losses, range(3), 1, costs).chosen == (0,)
    assert best_launch(losses, range(3), 1, costs, tolerance=0.005).chosen == (1,)


def test_many_candidates_are_searched_by_exchange(monkeypatch):
    losses = np.random.default_rng(3).standard_normal((80, 6))
    whole = best_launch(losses, range(6), 3, EVEN)
    monkeypatch.setattr(module, "ENUMERATED", 0)
    assert best_launch(losses, range(6), 3, EVEN).regret == pytest.approx(whole.regret, rel=0.1)


def test_the_next_launch_saves_the_most():
    losses = np.array([[0.0, 0.0, 5.0], [4.0, 3.0, 1.0]])
    found = best_launch(losses, range(3), 1, EVEN)
    assert found.chosen == (1,)
    assert one_more(losses, range(3), found) == (2, pytest.approx(1.0))
    assert one_more(losses, [1], found) is None
