"""Weak labels read as classes: what counts as classes, probabilities, votes and margins."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.hard_votes import are_classes, margins, probabilities, votes
from predictor.query.labels import Labels

ONE = np.array([[0.2], [0.5], [1.3], [-0.4]])
THREE = np.array([[0.5, 0.1, 0.4], [-1.0, 2.0, 1.0], [-1.0, -2.0, -3.0]])


def test_one_column_holds_the_second_class():
    np.testing.assert_allclose(probabilities(ONE), [[0.8, 0.2], [0.5, 0.5], [0.0, 1.0], [1.0, 0.0]])
    assert votes(ONE).tolist() == [0, 0, 1, 0]
    np.testing.assert_allclose(margins(ONE), [0.6, 0.0, 1.6, 1.8])


def test_several_columns_hold_a_class_each():
    np.testing.assert_allclose(probabilities(THREE), [[0.5, 0.1, 0.4], [0.0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    assert votes(THREE).tolist() == [0, 1, 0]
    np.testing.assert_allclose(margins(THREE), [0.1, 1.0, 1.0])


def test_two_columns_and_one_agree():
    p = np.random.default_rng(0).uniform(size=20)
    one, two = p[:, None], np.stack([1 - p, p], axis=1)
    np.testing.assert_allclose(probabilities(one), probabilities(two))
    np.testing.assert_allclose(margins(one), margins(two))
    assert votes(one).tolist() == votes(two).tolist()


@pytest.mark.parametrize(
    ("values", "found"), [([0, 1, 0, 1], True), (["a", "b", "c", "a"], True), ([0.5, 1.5, 2, 3], False)]
)
def test_gold_labels_decide_what_weak_labels_are(values, found):
    assert are_classes(ONE, Labels.of(values)) is found


def test_without_gold_labels_numbers_within_0_and_1_or_several_columns_are_classes():
    assert are_classes(np.array([[0.0], [1.0]]), None)
    assert are_classes(THREE, None)
    assert not are_classes(ONE, None)
