"""One value per candidate from any estimator, and random rows to compute it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from predictor.errors import InputError
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Estimator, compares
from predictor.results.candidate import Estimate
from predictor.statistics.arrays import Array, Ints

DRAWS = 100
"""Tries at rows whose gold labels differ."""


def values_of(estimator: Estimator, case: Case) -> Array:
    """(m,) values, NaN where the estimator does not apply to a candidate or to these rows."""
    if case.labels is not None and not case.labels.trainable:
        return np.full(len(case.weak), np.nan)
    estimates: tuple[Estimate | None, ...]
    if compares(estimator):
        estimates = estimator.estimate(case)
    else:
        estimates = tuple(_estimate_or_none(estimator, replace(case, weak=(one,))) for one in case.weak)
    return numbers(estimates)


def numbers(estimates: Sequence[Estimate | None]) -> Array:
    """(m,) values of estimates, NaN where there is none."""
    return np.array([np.nan if e is None or e.value is None else e.value for e in estimates])


def some_rows(case: Case, count: int, rng: np.random.Generator) -> Ints:
    """(count,) random rows, drawn again while heads cannot be trained on their gold labels: rare classes go missing."""
    for _ in range(DRAWS):
        rows = rng.permutation(case.rows)[:count]
        if case.labels is None or case.labels.take(rows).trainable:
            break
    return rows


def _estimate_or_none(estimator: Estimator, case: Case) -> Estimate | None:
    """None where a candidate is constant on these rows; the others are not affected."""
    try:
        return estimator.estimate(case)[0]
    except InputError:
        return None
