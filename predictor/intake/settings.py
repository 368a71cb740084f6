"""Settings: what a caller asks of the extraction and the judging, checked."""

from __future__ import annotations

import dataclasses
import math
from typing import get_args

from predictor.errors import InputError
from predictor.query.checks import at_least, one_of
from predictor.query.model_reference import check_layer
from predictor.query.settings import Budget, Pooling, Precision, RankBy, RefineBy, Settings


def read_settings(**given: object) -> Settings:
    """Settings by name, checked; those that are None keep their defaults.

    Raises:
        InputError: a value that is not allowed.
    """
    settings = dataclasses.replace(Settings(), **{name: v for name, v in given.items() if v is not None})  # type: ignore[arg-type]  # checked below
    one_of("rank_by", settings.rank_by, get_args(RankBy))
    one_of("pooling", settings.pooling, get_args(Pooling))
    one_of("precision", settings.precision, get_args(Precision))
    if settings.refine is not None:
        one_of("refine", settings.refine, get_args(RefineBy))
    at_least("seed", settings.seed, 0)
    check_layer(settings.layer.replace(" ", ""))
    at_least("max_length", settings.max_length, 1)
    if settings.max_rows is not None:
        at_least("max_rows", settings.max_rows, 2)
    if settings.confidence is not None and not 0.5 <= settings.confidence < 1.0:
        raise InputError(
            f"confidence is {settings.confidence}; it must be from 0.5 to below 1, as 0.95.",
            reason="BAD_SETTING",
            field="confidence",
        )
    if not settings.estimators:
        raise InputError("no estimator named; leave estimators out for the default.", reason="NO_ESTIMATOR")
    return settings


def read_budget(given: Budget | str | float) -> Budget:
    """`0.25` or `25%` of the rows, `90s` or `5m` of time.

    Raises:
        InputError: neither, or out of range.
    """
    if isinstance(given, Budget):
        share, seconds = given.share, given.seconds
    else:
        text = str(given).strip()
        number, unit = (text[:-1], text[-1]) if text[-1:] in ("%", "s", "m") else (text, "")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        times = {"s": 1.0, "m": 60.0}.get(unit)
        share, seconds = (value / (100.0 if unit else 1.0), None) if times is None else (None, value * times)
    fits = (share is None or 0.0 < share <= 1.0) and (seconds is None or 0.0 < seconds < math.inf)
    if not fits or (share is None and seconds is None):
        raise InputError(
            f"budget is {given!r}; give a share of the rows above 0 and up to 1 (0.25 or 25%), or a time (90s or 5m).",
            reason="BAD_SETTING",
            field="budget",
        )
    return Budget(share, seconds)
