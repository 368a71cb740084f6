"""Rounds of successive halving, and default costs."""

from __future__ import annotations

import pytest

from predictor.decision.costs import default_costs
from predictor.decision.halving import rungs


def test_the_price_of_the_rounds_is_that_of_the_full_trainings():
    plan = rungs(3, 10, 400)
    assert [(one.rows, one.candidates) for one in plan] == [(100, 4), (200, 2), (400, 1)]
    assert sum(one.rows * one.candidates for one in plan) <= 3 * 400


@pytest.mark.parametrize(("launches", "candidates", "rows"), [(1, 10, 400), (3, 1, 400), (3, 10, 60)])
def test_there_is_no_plan_of_one_round(launches, candidates, rows):
    assert rungs(launches, candidates, rows) == ()


def test_no_more_candidates_start_than_there_are():
    assert rungs(4, 5, 4000)[0].candidates == 4
    assert rungs(3, 3, 4000)[0].candidates <= 3


def test_default_costs_by_hand():
    """Labelling is one pass of the candidate, training three of the strong model."""
    assert default_costs([10, 20], 100, 7).tolist() == [7 * 310, 7 * 320]
    assert default_costs([10, None], 100, 7) is None
    assert default_costs([10], None, 7) is None
