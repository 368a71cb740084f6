"""The order of the candidates: one estimator makes it, with rank intervals, ties and the null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from predictor.decision.draws import OutcomeDraws, centred_on
from predictor.errors import InputError
from predictor.estimators.combined import Combined
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Estimator, Forecast, Forecaster, forecast_estimates, forecasts
from predictor.query.settings import RankBy
from predictor.ranking.candidate_effects import CandidateEffects
from predictor.ranking.null_scores import above_null, null_band
from predictor.ranking.past_outcomes import PastOutcomes
from predictor.ranking.point_values import numbers, some_rows, values_of
from predictor.ranking.predictions import with_predictions
from predictor.ranking.uncertainty import Standing, standing
from predictor.results.candidate import Candidate, Estimate
from predictor.results.ranking import NullBand
from predictor.statistics.arrays import Array
from predictor.statistics.shuffles import SHUFFLES

RESAMPLES = 20
"""Paired resamples of the rows, for an estimator that has no replicates of its own."""

RESAMPLED_ROWS = 1000
"""Maximum rows per resample or shuffle."""


@dataclass(frozen=True, eq=False)
class Ordering:
    """The order of the candidates of one case.

    Attributes:
        requested: the ranking estimator that was asked for.
        estimator: the one whose values these are; another one where `requested` chooses by the evidence.
        standing: ranks, their intervals, P(best) and ties.
        null: the band of shuffled candidates.
        forecast: predicted outcomes with the effects of past ones added; None where the estimator predicts none.
        own_forecast: the same before anything was added.
        draws: joint draws of the predicted outcomes; None where the estimator predicts none.
        rank_by: the predicted outcome that makes the order; None as above.
    """

    requested: Estimator
    estimator: Estimator
    standing: Standing
    null: NullBand
    forecast: Forecast | None
    own_forecast: Forecast | None
    draws: OutcomeDraws | None = None
    rank_by: RankBy | None = None

    def place(self, candidate: Candidate, index: int) -> Candidate:
        """The candidate with its rank, and with predicted outcomes where the estimator makes any."""
        where = self.standing
        placed = replace(
            candidate,
            rank=int(where.rank[index]),
            rank_low=int(where.low[index]),
            rank_high=int(where.high[index]),
            p_best=float(where.p_best[index]),
            tie_group=int(where.tie_group[index]),
            diagnostics={**candidate.diagnostics, "above_null": float(where.above_null[index])},
        )
        return placed if self.forecast is None else with_predictions(placed, self.forecast, index, self.requested.unit)

    def estimates_of(self, forecaster: Forecaster, case: Case) -> tuple[Estimate, ...]:
        """A forecaster's estimates; the forecast that made the order is not computed again."""
        if self.own_forecast is None or forecaster.name not in (self.requested.name, self.estimator.name):
            return forecaster.estimate(case)
        own = forecaster.name == self.estimator.name
        notes = self.own_forecast.notes if own else (f"from {self.estimator.name}",)
        return forecast_estimates(forecaster, replace(self.own_forecast, notes=notes))


def order(
    requested: Estimator,
    case: Case,
    rank_by: RankBy | None,
    known: Sequence[Mapping[str, Estimate]] | None = None,
    effects: CandidateEffects | None = None,
    past: PastOutcomes | None = None,
) -> Ordering:
    """Order the case's candidates by the values of the ranking estimator.

    A forecaster predicts accuracy or gain (higher first) or Err_w2s (lower first), with its own paired replicates. Any
    other estimator orders by its value, with a null of shuffled row pairings.

    Args:
        rank_by: None for the accuracy where it is predicted and nothing but the error is corrected, else the error.
        known: estimates of the case per candidate, by estimator; those of `requested` are not computed again.
        effects: added to the predicted outcomes where they belong to the forecaster that predicts these. Whether a
            candidate beats the null is decided without them, because that is a question about its rows.
        past: further evidence on the predicted outcomes, of any forecaster; the null as above.
    """
    estimator = requested.chosen(case) if isinstance(requested, Combined) else requested
    if forecasts(estimator):
        return _by_forecast(requested, estimator, case, rank_by, effects, past)
    return _by_value(requested, case, known)


def _by_forecast(
    requested: Estimator,
    forecaster: Forecaster,
    case: Case,
    rank_by: RankBy | None,
    effects: CandidateEffects | None,
    past: PastOutcomes | None,
) -> Ordering:
    own = forecaster.forecast(case)
    above = above_null(own.error, own.null_draws)
    added = effects is not None and effects.forecaster == forecaster.name
    forecast = effects.added_to(own, case.rng("random_effects")) if effects is not None and added else own
    forecast = forecast if past is None else past.added_to(forecast, [one.name for one in case.weak])
    follows = rank_by_of(rank_by, forecast, corrected=added)
    values, replicates = ordered_by(follows, forecast)
    where = standing(values, centred_on(values, replicates), above, step_of(follows, forecast))
    draws = forecast.draws([one.name for one in case.weak], case.seed)
    band = null_band(above, own.null_draws, requested.unit)
    return Ordering(requested, forecaster, where, band, forecast, own, draws, follows)


def rank_by_of(asked: RankBy | None, forecast: Forecast, *, corrected: bool = False) -> RankBy:
    """The outcome that makes the order.

    Args:
        corrected: past outcomes moved the error and the gain, and not the accuracy.

    Raises:
        InputError: an order by accuracy is asked for where none is predicted.
    """
    if asked == "accuracy" and forecast.accuracy is None:
        raise InputError(
            "an order by accuracy needs a target of classes that the evidence names: gold labels (--labels), weak "
            "labels that are class probabilities (--weak-labels) or class descriptions (--describe); give such, or "
            "leave --rank-by out to order by the predicted error.",
            reason="ACCURACY_UNKNOWN",
            field="rank_by",
        )
    if asked is None:
        return "accuracy" if forecast.accuracy is not None and not corrected else "w2s_error"
    return asked


def ordered_by(rank_by: RankBy, forecast: Forecast) -> tuple[Array, Array]:
    """(m,) values and (m, R) draws of the outcome that makes the order, turned so that lower is better."""
    if rank_by == "gain":
        return -forecast.gain, -forecast.gain_draws
    if rank_by == "accuracy" and forecast.accuracy is not None:
        return -forecast.accuracy.w2s, -forecast.accuracy.w2s_draws
    return forecast.error, forecast.error_draws


def step_of(rank_by: RankBy, forecast: Forecast) -> float:
    """The smallest difference of the outcome that makes the order: one test row, or 0 of errors."""
    return 0.0 if rank_by != "accuracy" or forecast.accuracy is None else forecast.accuracy.step


def _by_value(estimator: Estimator, case: Case, known: Sequence[Mapping[str, Estimate]] | None) -> Ordering:
    """Replicates are random halves of the rows, the same for all candidates.

    Their spread is that of a bootstrap to first order. No row repeats, because an estimator that is tuned by
    cross-validation would then see test rows in training.
    """
    sign = 1.0 if estimator.better == "lower" else -1.0
    rng = case.rng(f"bootstrap {estimator.name}")
    if known is not None and all(estimator.name in estimates for estimates in known):
        values = sign * numbers([estimates[estimator.name] for estimates in known])
    else:
        values = sign * values_of(estimator, case)
    half = min(case.rows // 2, RESAMPLED_ROWS)
    replicates = [sign * values_of(estimator, case.take(some_rows(case, half, rng))) for _ in range(RESAMPLES)]
    small = case if case.rows <= RESAMPLED_ROWS else case.take(some_rows(case, RESAMPLED_ROWS, rng))
    null = np.stack([sign * values_of(estimator, small.shuffled(rng)) for _ in range(SHUFFLES)], axis=1)
    own = values if small is case else sign * values_of(estimator, small)
    above = above_null(own, null)
    last = _worst_last(values)
    where = standing(last, centred_on(last, _worst_last(np.stack(replicates, axis=1))), above)
    return Ordering(estimator, estimator, where, null_band(above, null, estimator.unit, sign), None, None)


def _worst_last(values: Array) -> Array:
    """NaN turned into one value worse than every other, so that candidates without a value rank last and tie."""
    present = values[~np.isnan(values)]
    worst = float(present.max()) + 1.0 if len(present) else 0.0
    return np.where(np.isnan(values), worst, values)
