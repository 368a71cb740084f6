"""Joined forecast: outcomes of candidates whose students were trained and of those whose training was simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.protocol import Forecast
from predictor.training.predicted_measure import PredictedMeasure
from predictor.training.simulated import SimulatedOutcomes

Rows = NDArray[np.intp]


def joined_forecast(count: int, parts: Sequence[tuple[Rows, SimulatedOutcomes]], notes: tuple[str, ...]) -> Forecast:
    """Outcomes of `count` candidates.

    Args:
        parts: places of some candidates and their outcomes; all candidates together.
    """
    size = min(one.error_draws.shape[1] for _, one in parts)
    error, gain = np.empty(count), np.empty(count)
    error_draws, gain_draws = np.empty((count, size)), np.empty((count, size))
    null = np.empty((count, parts[0][1].null.shape[1]))
    for places, one in parts:
        error[places], gain[places] = one.error + one.level, one.gain
        error_draws[places], gain_draws[places] = one.error_draws[:, :size], one.gain_draws[:, :size]
        null[places] = (one.error + one.level)[:, None] + one.null
    ceiling = parts[0][1]
    top = ceiling.ceiling_draws
    accuracy, area = (
        PredictedMeasure.joined(count, [(places, getattr(one, name)) for places, one in parts])
        for name in ("accuracy", "auroc")
    )
    return Forecast(
        error,
        gain,
        float(np.mean(top)),
        error_draws,
        gain_draws,
        top[:size],
        null,
        notes,
        accuracy=accuracy,
        auroc=area,
    )


def of_uncertain_level(forecast: Forecast, error: float, rng: np.random.Generator) -> Forecast:
    """The forecast with a level of errors that is known no better than to `error`, whatever the posterior makes of it.

    Grid points weigh as if label columns and rows were independent: of many classes the level would seem to be known
    four times as well as it is. All candidates are off alike, so that no order and no chance of being the best moves.
    """
    draws, top = forecast.error_draws, forecast.ceiling_draws
    more = max(error**2 - float(np.var(draws.mean(axis=0))), 0.0)
    off = np.sqrt(more) * rng.standard_normal(draws.shape[1])
    off = np.maximum(off, -np.minimum(draws.min(axis=0), top))
    return replace(forecast, error_draws=draws + off, ceiling_draws=top + off)
