"""Judging: one estimator makes the order, with intervals, ties and the null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.estimators.combined import Combined
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Estimator, Forecast, Forecaster, JointEstimator, forecast_estimates
from predictor.query.settings import RankBy
from predictor.ranking.uncertainty import HIGH, LOW, Standing, interval, standing
from predictor.results.ranking import Candidate, Estimate, Interval, NullBand
from predictor.statistics.arrays import Array
from predictor.statistics.shuffles import SHUFFLES

RESAMPLES = 20
"""Paired resamples of the rows, for a judge that has no replicates of its own."""

RESAMPLED_ROWS = 1000
"""Rows per resample or shuffle at most."""

DRAWS = 100
"""Tries at rows whose gold labels differ."""


@dataclass(frozen=True, eq=False)
class CandidateEffects:
    """What past outcomes of the candidates add to what is predicted of them, in label variance.

    Attributes:
        forecaster: whose predictions these are additions to.
        error, gain: (m,).
        error_doubt, gain_doubt: (m,) standard deviations of these, of candidates that nothing is known of too.
    """

    forecaster: str
    error: Array
    gain: Array
    error_doubt: Array
    gain_doubt: Array


@dataclass(frozen=True, eq=False)
class Verdict:
    """The order of the candidates of one case.

    Attributes:
        judging: the estimator that was asked.
        speaking: the one whose values these are: another than `judging` where that chooses by the evidence.
        forecast: where the judge predicts outcomes, with what past outcomes add to it.
        said: the same as the speaking estimator said it.
    """

    judging: Estimator
    speaking: Estimator
    standing: Standing
    null: NullBand
    forecast: Forecast | None
    said: Forecast | None

    def place(self, candidate: Candidate, index: int) -> Candidate:
        """The candidate with its rank, and with predicted outcomes where the judge makes any."""
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
        if self.forecast is None:
            return placed
        cast = self.forecast
        unit = self.judging.unit
        return replace(
            placed,
            predicted_w2s_error=_interval(float(cast.error[index]), cast.error_draws[index], unit, least=0.0),
            predicted_gain=_interval(float(cast.gain[index]), cast.gain_draws[index], unit),
            predicted_pgr=_interval(float(cast.pgr[index]), cast.pgr_draws[index], "fraction"),
        )

    def estimates_of(self, forecaster: Forecaster, case: Case) -> tuple[Estimate, ...]:
        """A forecaster's estimates, reusing the judge's own forecast where it is the same one."""
        if self.said is None or forecaster.name not in (self.judging.name, self.speaking.name):
            return forecaster.estimate(case)
        notes = self.said.notes if forecaster.name == self.speaking.name else (f"from {self.speaking.name}",)
        return forecast_estimates(forecaster, replace(self.said, notes=notes))


def judge(
    judging: Estimator,
    case: Case,
    rank_by: RankBy,
    known: Sequence[Mapping[str, Estimate]] | None = None,
    learnt: CandidateEffects | None = None,
) -> Verdict:
    """Order the case's candidates by what the judge says of them.

    A forecaster is asked for Err_w2s (lower first) or gain (higher first), with its own paired replicates. Any other
    estimator is ordered by its value, with a null of shuffled row pairings and replicates on random halves of the rows,
    the same for all candidates: their spread is that of a bootstrap to first order, and no row repeats, which would
    mislead whatever is tuned by cross-validation.

    Args:
        known: estimates of the case per candidate, by estimator; those of the judge are not computed again.
        learnt: added to the outcomes that are predicted, where it is of the forecaster that predicts them. Whether a
            candidate beats the null is asked without it: that is about its rows.
    """
    speaking = judging.chosen(case) if isinstance(judging, Combined) else judging
    if isinstance(speaking, Forecaster):
        cast = speaking.forecast(case)
        above = _above_null(cast.error if cast.null_error is None else cast.null_error, cast.null_draws)
        learnt = learnt if learnt is not None and learnt.forecaster == speaking.name else None
        by = _moved(cast, learnt, case.rng("random_effects"))
        if rank_by == "gain":
            where = standing(-by.gain, -by.gain_draws, above)
        else:
            where = standing(by.error, by.error_draws, above)
        return Verdict(judging, speaking, where, _null_band(above, cast.null_draws, judging.unit), by, cast)
    sign = 1.0 if judging.better == "lower" else -1.0
    rng = case.rng(f"bootstrap {judging.name}")
    if known is not None and all(judging.name in estimates for estimates in known):
        values = sign * _numbers([estimates[judging.name] for estimates in known])
    else:
        values = sign * _values(judging, case)
    half = min(case.rows // 2, RESAMPLED_ROWS)
    replicates = [sign * _values(judging, case.take(some_rows(case, half, rng))) for _ in range(RESAMPLES)]
    small = case if case.rows <= RESAMPLED_ROWS else case.take(some_rows(case, RESAMPLED_ROWS, rng))
    null = np.stack([sign * _values(judging, small.shuffled(rng)) for _ in range(SHUFFLES)], axis=1)
    own = values if small is case else sign * _values(judging, small)
    above = _above_null(own, null)
    where = standing(_worst_last(values), _worst_last(np.stack(replicates, axis=1)), above)
    return Verdict(judging, speaking, where, _null_band(above, null, judging.unit, sign), None, None)


def _moved(cast: Forecast, learnt: CandidateEffects | None, rng: np.random.Generator) -> Forecast:
    if learnt is None:
        return cast
    shape = cast.error_draws.shape
    errors, gains = (
        (by + doubt * rng.standard_normal(shape[::-1])).T
        for by, doubt in ((learnt.error, learnt.error_doubt), (learnt.gain, learnt.gain_doubt))
    )
    return cast.moved(learnt.error, learnt.gain, errors, gains)


def some_rows(case: Case, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """(count,) random rows, drawn again as long as their gold labels teach nothing: rare classes go missing."""
    for _ in range(DRAWS):
        rows = rng.permutation(case.rows)[:count]
        if case.labels is None or case.labels.take(rows).teachable:
            break
    return rows


def _values(estimator: Estimator, case: Case) -> Array:
    """(m,) values, NaN where the estimator does not apply to a candidate or cannot judge it on these rows."""
    if case.labels is not None and not case.labels.teachable:
        return np.full(len(case.weak), np.nan)
    estimates: tuple[Estimate | None, ...]
    if isinstance(estimator, JointEstimator):
        estimates = estimator.estimate(case)
    else:
        estimates = tuple(_estimate_or_none(estimator, replace(case, weak=(one,))) for one in case.weak)
    return _numbers(estimates)


def _numbers(estimates: Sequence[Estimate | None]) -> Array:
    return np.array([np.nan if e is None or e.value is None else e.value for e in estimates])


def _estimate_or_none(estimator: Estimator, case: Case) -> Estimate | None:
    """A resample can leave one candidate constant; that says nothing of the others."""
    try:
        return estimator.estimate(case)[0]
    except InputError:
        return None


def _worst_last(values: Array) -> Array:
    """NaN turned into one value worse than every other, so that it ranks last and level with its like."""
    held = values[~np.isnan(values)]
    worst = float(held.max()) + 1.0 if len(held) else 0.0
    return np.where(np.isnan(values), worst, values)


def _above_null(values: Array, null: Array) -> NDArray[np.bool_]:
    """(m,) whether a candidate is better than every one of the (m, S) shuffles of all candidates.

    Of its own alone, 1 in S + 1 candidates of pure noise would be; of all, so is any of them in 1 of S + 1 rankings.
    Source: Westfall, Young 1993, "Resampling-Based Multiple Testing", single-step max-T.
    """
    finite = null[np.isfinite(null)]
    better: NDArray[np.bool_] = values < (finite.min() if len(finite) else -np.inf)
    return better


def _null_band(above: NDArray[np.bool_], null: Array, unit: str, sign: float = 1.0) -> NullBand:
    """The band over the (m, S) shuffles of all candidates, and how many candidates beat all of them."""
    finite = null[np.isfinite(null)]
    if not len(finite):
        return NullBand(unit=unit)
    low, middle, high = sign * np.quantile(finite, [LOW, 0.5, HIGH])
    return NullBand(float(middle), float(min(low, high)), float(max(low, high)), unit, int(above.sum()))


def _interval(value: float, draws: Array, unit: str, least: float = -np.inf) -> Interval | None:
    """None where the value does not exist, as PGR where the ceiling does not beat the weak model."""
    ends = interval(value, draws, least) if np.isfinite(value) else None
    if ends is None:
        return None
    return Interval(value, *ends, unit)
