"""The question that validations are asked here: three teachers that see the same things through growing noise."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery

ROWS = 90


@pytest.fixture(scope="session")
def question():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((ROWS, 3))
    weak = tuple(
        ModelSpec(f"w{i}", "array:", values=hidden + noise * rng.standard_normal((ROWS, 3)))
        for i, noise in enumerate((0.1, 0.8, 2.0))
    )
    strong = ModelSpec("s", "array:", values=hidden @ rng.standard_normal((3, 6)))
    pool = Pool.of([f"row {i}" for i in range(ROWS)])
    return RankingQuery(strong, weak, pool), Labels.of(list(hidden @ [1.0, -1.0, 0.5]))
