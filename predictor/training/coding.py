"""Coding: the unit that labels are computed in, and the codes that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

from predictor.statistics.arrays import Array


@dataclass(frozen=True, eq=False)
class Coding:
    """How labels in some unit are read as the codes of `Labels`: codes = centre + scale · labels.

    Attributes:
        centre: (k,).
        scale: > 0.
    """

    centre: Array
    scale: float

    def codes(self, labels: Array) -> Array:
        """(…, k) codes."""
        return self.centre + self.scale * labels

    def labels(self, codes: Array) -> Array:
        """(…, k) in the unit."""
        return (codes - self.centre) / self.scale
