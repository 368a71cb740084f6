"""Three teachers of known order and labels for them; no test changes them."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.api import predict
from predictor.results.ranking import Ranking
from tests.estimators.cases import task, teachers


@pytest.fixture(scope="session")
def models():
    """Features of a strong model, and of `t0` that sees it best, `t1` and `t2`, by name."""
    strong, weak = teachers((0.1, 0.6, 2.5))
    return strong.features, {w.name: w.features for w in weak}


@pytest.fixture(scope="session")
def values(models):
    """(n,) gold values of every row."""
    return task(teachers((0.1,))[0])


@pytest.fixture(scope="session")
def masked(values):
    """(n,) gold values of the first two fifths of the rows, NaN elsewhere."""
    return np.where(np.arange(len(values)) < 0.4 * len(values), values, np.nan)


@pytest.fixture(scope="session")
def ranking(models) -> Ranking:
    return predict(strong=models[0], weak=models[1], seed=3)
