"""Axis: values to positions in percent, and ticks that people would choose."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`, linear or logarithmic.

    Attributes:
        ticks: values to mark, inside the range.
        log: True where equal steps are equal factors; then low > 0.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Position in percent, 0 at `low` and 100 at `high`, clipped to these."""
        low, high, at = (
            (math.log(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        return min(100.0, max(0.0, 100 * (at - low) / (high - low)))


def linear(values: Iterable[float], steps: int = 5) -> Axis:
    """A linear axis around the values, with about `steps` ticks at 1, 2 or 5 times a power of ten."""
    known = list(values)
    low, high = min(known), max(known)
    if low == high:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    pad = 0.04 * (high - low)
    low, high = low - pad, high + pad
    first = math.ceil(low / step)
    count = math.floor(high / step) - first + 1
    return Axis(low, high, tuple((first + i) * step for i in range(count)))


def logarithmic(low: float, high: float) -> Axis:
    """A logarithmic axis; ticks at powers of ten, or at 1, 2, 5 times these where the range is short."""
    decades = math.log10(high / low)
    factors = (1, 2, 5) if decades < 2 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = (factor * 10.0**power for power in powers for factor in factors)
    return Axis(low, high, tuple(tick for tick in ticks if low * 0.999 <= tick <= high * 1.001), log=True)
