"""Shares of trainings that a candidate's student wins."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.decision_cells import wins_of


def test_wins_by_accuracy_and_error():
    """The teacher of the truth wins; one whose labels are shrunk ties with it in accuracy, and seldom wins by error."""
    rng = np.random.default_rng(0)
    strong = rng.standard_normal((120, 6))
    truth = (strong[:, :1] > 0.0).astype(float)
    right, shrunk, wrong = truth, 0.5 + 0.5 * (truth - 0.5), 1.0 - truth
    wins = wins_of(strong, [right, shrunk, wrong], truth)
    np.testing.assert_allclose(wins.sum(axis=2), 1.0)
    np.testing.assert_allclose(wins[:, 0, :2], 0.5, atol=0.1)
    assert (wins[:, 1, 0] > 0.9).all()
    assert (wins[:, :, 2] == 0.0).all()


def test_wins_of_classes():
    """Of columns per class the largest is named."""
    rng = np.random.default_rng(1)
    strong = rng.standard_normal((90, 5))
    truth = np.eye(3)[strong[:, :3].argmax(axis=1)]
    wins = wins_of(strong, [np.roll(truth, 1, axis=1), truth], truth)
    assert wins[:, :, 1] == pytest.approx(np.ones((2, 2)))
