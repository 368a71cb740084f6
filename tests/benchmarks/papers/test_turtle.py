"""TURTLE on rows whose groups are known."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.problem import Representation
from tests.benchmarks.papers.turtle import labelling, simulated


@pytest.fixture(scope="module")
def groups():
    """Three far groups of forty rows, as features and as one-hot labels."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.eye(3), 40, axis=0)
    return labels @ (4.0 * rng.standard_normal((3, 12))) + rng.standard_normal((120, 12)), labels


def test_labelling_finds_groups(groups):
    """Each group is one class, and every class is used."""
    features, labels = groups
    found = labelling(features, seed=0, classes=3)
    assert np.sort((labels.T @ found).astype(int), axis=None).tolist() == [0] * 6 + [40] * 3


def test_labelling_repeats(groups):
    """The same seed gives the same labelling."""
    features, _ = groups
    assert np.array_equal(labelling(features, 1, 4, 20), labelling(features, 1, 4, 20))


def test_simulated_direction(groups):
    """The student of a teacher that sees the groups has the lower error."""
    features, labels = groups
    strong = Representation("strong", features)
    noise = np.random.default_rng(1).standard_normal((120, 12))
    error, _ = simulated(strong, (Representation("sees", labels + 0.1 * noise[:, :3]), Representation("noise", noise)))
    assert error[0] < error[1]
