"""The confidence loss of Burns et al. 2023 against its own words."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.training.confidence import mixed_targets, own_classes, weight_at


def cross_entropy(probabilities, target):
    return -np.mean(np.sum(target * np.log(probabilities), axis=1))


def two(second):
    return np.stack([1.0 - np.array(second), np.array(second)], axis=1)


def test_the_loss_is_the_papers_sum_of_two_terms():
    """(1 − α) CE(f, f_w) + α CE(f, f̂), f̂ with half of the rows in each class where the weak labels say so."""
    own, weak, alpha = two([0.9, 0.6, 0.55, 0.2]), two([0.7, 0.1, 0.8, 0.4]), 0.3
    # Mean weak label .5: the median of own, .575, parts .9 and .6 from .55 and .2, though three lie above ½.
    hard = two([1.0, 1.0, 0.0, 0.0])
    expected = (1 - alpha) * cross_entropy(own, weak) + alpha * cross_entropy(own, hard)
    assert cross_entropy(own, mixed_targets(weak, own, alpha)) == pytest.approx(expected, abs=1e-12)


def test_the_threshold_preserves_the_weak_labels_share_of_each_class():
    own = two([0.9, 0.8, 0.7, 0.6])
    np.testing.assert_array_equal(own_classes(own, two([0.25] * 4))[:, 1], [1, 0, 0, 0])
    np.testing.assert_array_equal(own_classes(own, two([0.75] * 4))[:, 1], [1, 1, 1, 0])


def test_the_threshold_is_the_published_codes():
    """There: class 0 where p_0 ≥ quantile(p_0, mean weak label of class 1)."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        own, weak = two(rng.uniform(size=17)), two(rng.uniform(size=17))
        published = own[:, 0] >= np.quantile(own[:, 0], weak[:, 1].mean())
        np.testing.assert_array_equal(own_classes(own, weak)[:, 0], published)


def test_of_more_than_two_classes_the_likeliest_is_used():
    own = np.array([[0.2, 0.5, 0.3], [0.6, 0.2, 0.2]])
    np.testing.assert_array_equal(own_classes(own, np.full((2, 3), 1 / 3)), [[0, 1, 0], [1, 0, 0]])


def test_the_weight_rises_over_the_first_fifth():
    assert [weight_at(p, 0.5) for p in (0.0, 0.1, 0.2, 1.0)] == [0.0, 0.25, 0.5, 0.5]
