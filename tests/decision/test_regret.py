"""Expected regret, the chance of holding the best, and shortfalls, by hand and by loops."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.decision.regret import expected_regret, p_contains_best, shortfalls

LOSSES = np.array([[1.0, 2.0, 5.0], [4.0, 3.0, 1.0], [2.0, 2.0, 2.0]])


def test_regret_by_hand():
    # Least losses 1, 1, 2. Of a alone 0 + 3 + 0; of a and b 0 + 2 + 0; of a and c 0.
    assert expected_regret(LOSSES, [0]) == pytest.approx(1.0)
    assert expected_regret(LOSSES, [0, 1]) == pytest.approx(2.0 / 3.0)
    assert expected_regret(LOSSES, [0, 2]) == 0.0


def test_shortfalls_by_hand():
    # Where b is worse than a: 1, 0, 0; where c is: 4, 0, 0.
    assert shortfalls(LOSSES, 0) == pytest.approx([0.0, 1.0 / 3.0, 4.0 / 3.0])


def test_regret_is_the_plain_loop():
    rng = np.random.default_rng(0)
    losses = rng.standard_normal((40, 5))
    for chosen in ([1], [0, 3], [0, 1, 2, 3, 4]):
        plain = np.mean([min(one[i] for i in chosen) - min(one) for one in losses])
        assert expected_regret(losses, chosen) == pytest.approx(plain)
    assert expected_regret(losses, range(5)) == 0.0


def test_probabilities_add_up():
    assert p_contains_best(np.array([0.5, 0.3, 0.2]), [0, 2]) == pytest.approx(0.7)
    assert p_contains_best(np.array([0.5, 0.3, 0.2 + 1e-12]), [0, 1, 2]) == 1.0


def test_a_shortfall_is_large_where_nothing_can_be_reported():
    """Two candidates of the same mean that are far apart in every world are not as good as each other."""
    losses = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert shortfalls(losses, 0)[1] == pytest.approx(0.5)
