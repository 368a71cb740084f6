"""Scores of candidates by which stages of a ranking compare them: one number each, without replicates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictor.estimators.combined import Combined
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Estimator, forecasts
from predictor.estimators.truth import TruthForecast
from predictor.query.settings import RankBy
from predictor.ranking.ordering import ordered_by, rank_by_of
from predictor.ranking.point_values import values_of
from predictor.statistics.arrays import Array


def scores(estimator: Estimator, case: Case, rank_by: RankBy | None, rounds: int | None = None) -> Array:
    """(m,) scores, lower is better: what the order follows, or the estimator's signed value.

    A candidate without a value on these rows gets the worst one.

    Args:
        rounds: how often a simulation splits the rows anew; None for as often as its forecast does.
    """
    part = estimator.chosen(case) if isinstance(estimator, Combined) else estimator
    if isinstance(part, TruthForecast):
        part = replace(part, shuffles=0, max_rounds=rounds or part.max_rounds)
    if forecasts(part):
        cast = part.forecast(case)
        return ordered_by(rank_by_of(rank_by, cast), cast)[0]
    values = (1.0 if part.better == "lower" else -1.0) * values_of(part, case)
    present = values[~np.isnan(values)]
    return np.where(np.isnan(values), float(present.max()) if len(present) else 0.0, values)


def max_rows(estimator: Estimator, case: Case) -> int | None:
    """Maximum number of rows that the estimator uses, or None."""
    part = estimator.chosen(case) if isinstance(estimator, Combined) else estimator
    found = getattr(part, "max_rows", None)
    return found if isinstance(found, int) else None
