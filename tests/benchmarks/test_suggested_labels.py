"""Labels needed to reach a level, from a curve of regrets."""

from __future__ import annotations

from tests.benchmarks.suggested_labels_table import needed


def test_needed_counts_from_where_it_stays() -> None:
    """A dip that does not last is no arrival."""
    curve = {0: 0.03, 10: 0.01, 20: 0.02, 50: 0.01, 200: 0.0}
    assert needed(curve, 0.01) == 50
    assert needed(curve, 0.05) == 0
    assert needed(curve, -1.0) is None
    assert needed({}, 1.0) is None
