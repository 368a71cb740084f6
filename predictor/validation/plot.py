"""Plot of a validation: what training measured of each candidate, beside what was predicted. Needs the extra `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from predictor.results.candidate import Interval
from predictor.results.names import visible
from predictor.results.plot import Dot, dot_plot
from predictor.results.text import number
from predictor.validation.validation import Mean, Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NORMAL_90 = 1.645
"""Standard errors on either side of a mean that hold 90 % of a normal distribution."""


def validation_plot(found: Validation, ax: Axes | None = None) -> Axes:
    """Measured W2S error of every candidate, best first, its own error, and the error predicted without labels.

    Args:
        ax: axes to draw on; new ones in the current style (`plt.style`) where None.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    claims = found.claims[0] if found.claims and found.claims[0].candidates else None
    claimed = {} if claims is None else {one.name: one.error.value for one in claims.candidates}
    dots = [
        Dot(
            visible(one.name),
            _interval(one.w2s_error, found.unit),
            one.weak_error.value,
            _gain(one.gain),
            marked=place == 0,
            cross=claimed.get(one.name),
        )
        for place, one in enumerate(found.trained)
    ]
    return dot_plot(
        dots,
        f"measured W2S error, {found.unit} (lower is better)",
        ax=ax,
        names=("student, measured", "teacher itself", "student, predicted"),
        marked="best",
        line=(found.ceiling_error.value, "ceiling"),
        heading=f"gain, {found.unit}",
    )


def _interval(mean: Mean, unit: str) -> Interval:
    if mean.standard_error is None:
        return Interval(mean.value, None, None, unit)
    spread = NORMAL_90 * mean.standard_error
    return Interval(mean.value, mean.value - spread, mean.value + spread, unit)


def _gain(mean: Mean) -> str:
    spread = "" if mean.standard_error is None else f" ± {number(mean.standard_error)}"
    return f"{number(mean.value, signed=True)}{spread}"
