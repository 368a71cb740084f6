"""Labels needed to reach a level, from a curve of regrets."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.suggested_labels_table import crossing, needed


def test_needed_counts_from_where_it_stays() -> None:
    """A dip that does not last is no arrival."""
    curve = {0: 0.03, 10: 0.01, 20: 0.02, 50: 0.01, 200: 0.0}
    assert needed(curve, 0.01) == 50
    assert needed(curve, 0.05) == 0
    assert needed(curve, -1.0) is None
    assert needed({}, 1.0) is None


def test_a_curve_crosses_a_level_between_counts() -> None:
    """By a line from the last count above it; a dip that does not last is no arrival."""
    counts = [0, 10, 20, 50]
    assert crossing(np.array([0.4, 0.1, 0.3, 0.0]), counts, 0.1) == pytest.approx(40.0)
    assert crossing(np.array([0.1, 0.1, 0.0, 0.0]), counts, 0.1) == 0.0
    assert crossing(np.array([0.4, 0.4, 0.4, 0.3]), counts, 0.1) == 50.0
