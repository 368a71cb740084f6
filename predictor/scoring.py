"""Scoring: how near each estimator's values come to measured outcomes, all orientations turned to lower-is-better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.estimators import ESTIMATORS
from predictor.result import Candidate, Ranking
from predictor.training import Outcomes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One estimator against measured training; None where the figure does not exist.

    Attributes:
        estimator, evidence: what was asked, and what it was allowed to see.
        spearman_error: rank correlation with measured Err_w2s; 1 is the right order.
        spearman_gain: rank correlation of its predicted gain (misfit: of the misfit) with the measured gain.
        regret: measured Err_w2s of its first choice minus that of the best candidate, in label variance; None where it
            cannot tell candidates apart, so that there is no first choice.
        mae_error, mae_gain: mean absolute error of predicted Err_w2s and gain, in label variance.
        coverage_error, coverage_gain: share of candidates whose measured value lies in the 90 % interval.
    """

    estimator: str
    evidence: str
    spearman_error: float | None
    spearman_gain: float | None
    regret: float | None
    mae_error: float | None
    mae_gain: float | None
    coverage_error: float | None
    coverage_gain: float | None


def rank_correlation(one: Array, other: Array) -> float | None:
    """Spearman's ρ with average ranks for ties; None where one side is constant or shorter than 3."""
    if len(one) < 3 or np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return None
    return float(np.corrcoef(average_ranks(one), average_ranks(other))[0, 1])


def average_ranks(values: Array) -> Array:
    """Ranks from 1, ties sharing their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Array = (last - (counts - 1) / 2.0)[place]
    return ranks


def scores(rankings: Sequence[Ranking], outcomes: Sequence[Outcomes], names: Sequence[str]) -> tuple[Score, ...]:
    """Score every estimator in the rankings.

    Args:
        rankings: one per set of outcomes (one for each revealed third, say); their values are averaged.
        outcomes: measured errors, rows in the order of `names`; column means over splits are compared.
        names: candidates that were both ranked and trained.
    """
    order = {name: i for i, name in enumerate(names)}
    tables = [sorted((c for c in r.candidates if c.name in order), key=lambda c: order[c.name]) for r in rankings]
    errors = np.array([one.w2s.mean(axis=1) for one in outcomes])
    gains = np.array([one.gain.mean(axis=1) for one in outcomes])
    found = []
    for name in tables[0][0].estimates:
        values = np.array([[_number(c.estimates[name].value) for c in table] for table in tables])
        if np.isnan(values).all(axis=0).any():
            continue
        found.append(_score(name, rankings[0].evidence, values, tables, errors, gains))
    return tuple(found)


def _score(
    name: str, evidence: str, values: Array, tables: Sequence[Sequence[Candidate]], errors: Array, gains: Array
) -> Score:
    sign = 1.0 if ESTIMATORS[name].better == "lower" else -1.0
    value, error, gain = sign * np.nanmean(values, axis=0), errors.mean(axis=0), gains.mean(axis=0)
    gained = np.array([[_number(c.estimates[name].details.get("gain")) for c in table] for table in tables])
    predicts = not np.isnan(gained).any()
    if name == "misfit":
        gained = values
    judged = name == "combined"
    return Score(
        estimator=name,
        evidence=evidence,
        spearman_error=rank_correlation(value, error),
        spearman_gain=None if np.isnan(gained).any() else rank_correlation(gained.mean(axis=0), gain),
        regret=float(error[int(np.argmin(value))] - error.min()) if np.ptp(value) > 0.0 else None,
        mae_error=float(np.mean(np.abs(values - errors))) if predicts else None,
        mae_gain=float(np.mean(np.abs(gained - gains))) if predicts else None,
        coverage_error=_coverage(tables, errors, "predicted_w2s_error") if judged else None,
        coverage_gain=_coverage(tables, gains, "predicted_gain") if judged else None,
    )


def _coverage(tables: Sequence[Sequence[Candidate]], measured: Array, field: str) -> float:
    inside = []
    for table, truths in zip(tables, measured, strict=True):
        for candidate, truth in zip(table, truths, strict=True):
            interval = getattr(candidate, field)
            inside.append(interval is not None and interval.low <= truth <= interval.high)
    return float(np.mean(inside))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
