"""The zoos' rules."""

from __future__ import annotations

import pytest

from tests.benchmarks.papers.zoo import OBJECTIVES, SMILES, TEXT


@pytest.mark.parametrize(("zoo", "first"), [(SMILES, 16), (SMILES, 64), (SMILES, 160), (TEXT, 16), (TEXT, 56)])
def test_zoo_prefix_is_even(zoo, first):
    """Every prefix of a zoo covers widths, depths and objectives evenly."""
    found = zoo.members[:first]
    for of, values in (("width", zoo.widths), ("depth", zoo.depths), ("objective", OBJECTIVES)):
        counts = [sum(getattr(one, of) == value for one in found) for value in values]
        assert max(counts) - min(counts) <= 2
    assert len({one.name for one in found}) == first
