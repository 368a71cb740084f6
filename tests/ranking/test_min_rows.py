"""A budget smaller than the first stage is reported, because more rows are read than it allows."""

from __future__ import annotations

import numpy as np
import pytest

import predictor
from predictor.query.budget import Budget

WARNING = "the first stage takes 150 rows, or all if there are fewer, under any budget"


@pytest.mark.parametrize(
    ("rows", "budget", "reported"),
    [(100, 0.25, True), (400, 0.25, True), (400, 0.5, False), (100, 1.0, False), (200, Budget(None, 600.0), False)],
)
def test_a_budget_below_the_first_stage_is_reported(rows, budget, reported):
    rng = np.random.default_rng(3)
    hidden = rng.standard_normal((rows, 4))
    weak = {name: hidden[:, :width] @ rng.standard_normal((width, 6)) for name, width in (("a", 4), ("b", 2))}
    ranking = predictor.rank(strong=hidden @ rng.standard_normal((4, 8)), weak=weak, budget=budget, estimators=["cka"])
    assert ranking.warnings[0].startswith("read in stages")
    assert (WARNING in ranking.warnings[0]) is reported
