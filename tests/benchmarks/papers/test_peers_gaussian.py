"""Second-moment peers on hand cases."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.papers.peers_gaussian import left_out_share, sufficiency


def test_peers_direction():
    """The student itself explains everything, noise nothing, half of it in between."""
    rng = np.random.default_rng(0)
    strong = rng.standard_normal((200, 6))
    weak = [strong, strong[:, :3], rng.standard_normal((200, 6))]
    missed = left_out_share(strong, weak)
    assert missed == pytest.approx([0.0, 0.5, 1.0], abs=0.08)
    reported = sufficiency(strong, weak)
    assert reported[0] > reported[1] > 1.0
    assert abs(reported[2]) < 0.5


def test_sufficiency_of_correlated():
    """Of two correlated columns it is −½ log(1 − ρ²) nats."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((20_000, 1))
    y = 0.8 * x + 0.6 * rng.standard_normal((20_000, 1))
    assert sufficiency(y, [x])[0] == pytest.approx(-0.5 * np.log(0.36), abs=0.02)
