"""Predicted outcomes of one candidate as intervals of the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictor.estimators.protocol import Forecast
from predictor.ranking.uncertainty import interval
from predictor.results.candidate import LABEL_UNIT, PAIRS, SHARE, Candidate, Interval, PredictedPair
from predictor.statistics.arrays import Array
from predictor.training.predicted_measure import PredictedMeasure


def with_predictions(candidate: Candidate, forecast: Forecast, index: int, unit: str) -> Candidate:
    """The candidate with all that the forecast predicts of it; `unit` is that of the errors."""
    error, gain = float(forecast.error[index]), float(forecast.gain[index])
    draws, gains = forecast.error_draws[index], forecast.gain_draws[index]
    accuracy, weak_accuracy = _measured(forecast.accuracy, index, SHARE)
    area = _pair(*_measured(forecast.auroc, index, PAIRS))
    scale = forecast.label_scale
    root = _pair(_rooted(error, draws, scale), _rooted(error + gain, draws + gains, scale))
    return replace(
        candidate,
        predicted_w2s_error=_interval(error, draws, unit, floor=0.0),
        predicted_gain=_interval(gain, gains, unit),
        predicted_pgr=_interval(float(forecast.pgr[index]), forecast.pgr_draws[index], "fraction"),
        predicted_accuracy=accuracy,
        predicted_weak_accuracy=weak_accuracy,
        predicted_auroc=area,
        predicted_rmse=root,
    )


def _measured(measure: PredictedMeasure | None, index: int, unit: str) -> tuple[Interval | None, Interval | None]:
    """Of the student, and of its teacher."""
    if measure is None:
        return None, None
    return (
        _interval(float(measure.w2s[index]), measure.w2s_draws[index], unit),
        _interval(float(measure.weak[index]), measure.weak_draws[index], unit),
    )


def _pair(w2s: Interval | None, weak: Interval | None) -> PredictedPair | None:
    return None if w2s is None and weak is None else PredictedPair(w2s, weak)


def _rooted(error: float, draws: Array, scale: float | None) -> Interval | None:
    """The root of squared errors in label variance, in the label's own unit of which one deviation is `scale`."""
    if scale is None:
        return None
    root, roots = float(np.sqrt(max(error, 0.0))), np.sqrt(np.maximum(draws, 0.0))
    return _interval(scale * root, scale * roots, LABEL_UNIT, floor=0.0)


def _interval(value: float, draws: Array, unit: str, floor: float = -np.inf) -> Interval | None:
    """None where the value does not exist, as PGR where the ceiling does not beat the weak model."""
    ends = interval(value, draws, floor) if np.isfinite(value) else None
    if ends is None:
        return None
    return Interval(value, *ends, unit)
