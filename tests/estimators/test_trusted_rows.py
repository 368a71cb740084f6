"""Rows that the student trusts: those without errors of the teacher's own."""

from __future__ import annotations

import numpy as np

from predictor.estimators.somerstep2024 import route_gains
from predictor.estimators.trusted_rows import trusted_rows
from tests.reference.models import correlated


def flipped(share, rows=400):
    """Features, true labels, and weak labels of which a share is of another class, whatever the row says."""
    rng = np.random.default_rng(6)
    strong = correlated(rows, 4, 0.2, rng)
    truth = np.sign((strong / strong.std(axis=0)).sum(axis=1))[:, None]
    wrong = rng.uniform(size=rows) < share
    return strong, truth, np.where(wrong[:, None], -truth, truth), wrong


def test_rows_with_errors_of_the_teachers_own_are_left_out():
    strong, _, weak, wrong = flipped(0.2)
    kept = trusted_rows(strong, weak)
    assert len(kept) == 320
    assert wrong[kept].mean() < 0.25 * wrong.mean()
    assert (np.diff(kept) > 0).all()


def test_a_student_of_trusted_rows_gains_more_where_labels_are_flipped():
    strong, truth, weak, _ = flipped(0.25)
    gains = route_gains(strong, weak, weak, truth, 1.0, np.random.default_rng(0))
    assert gains["gain_filtered"] > gains["gain_naive"] + 0.02


def test_constant_predictions_and_all_rows():
    strong, _, weak, _ = flipped(0.2, 40)
    assert len(trusted_rows(strong, np.ones((40, 1)))) == 32
    assert trusted_rows(strong, weak, share=1.0).tolist() == list(range(40))
