"""Budget: a limit on what is read before the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from predictor.errors import InputError


@dataclass(frozen=True)
class Budget:
    """Limit on what is read before the answer; at least one of the two is given.

    Attributes:
        share: of the pool's rows, in (0, 1]; None for all.
        seconds: wall time of running models and ranking, > 0; None for any.

    Raises:
        InputError: neither is given, or one is out of range.
    """

    share: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not _is_budget(self.share, self.seconds):
            raise _bad_budget(self)


def read_budget(given: Budget | str | float) -> Budget:
    """`0.25` or `25%` of the rows, `90s` or `5m` of time.

    Raises:
        InputError: neither, or out of range.
    """
    if isinstance(given, Budget):
        return given
    text = str(given).strip()
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("%", "s", "m") else (text, "")
    try:
        value = float(number)
    except ValueError:
        raise _bad_budget(given) from None
    seconds = {"s": 1.0, "m": 60.0}.get(unit)
    limit = (value / (100.0 if unit else 1.0), None) if seconds is None else (None, value * seconds)
    if not _is_budget(*limit):
        raise _bad_budget(given)
    return Budget(*limit)


def _is_budget(share: float | None, seconds: float | None) -> bool:
    fits = (share is None or 0.0 < share <= 1.0) and (seconds is None or 0.0 < seconds < math.inf)
    return fits and not (share is None and seconds is None)


def _bad_budget(given: object) -> InputError:
    return InputError(
        f"budget is {given!r}; give a share of the rows above 0 and up to 1 (0.25 or 25%), or a time (90s or 5m).",
        reason="BAD_SETTING",
        field="budget",
    )
