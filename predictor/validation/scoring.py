"""Scoring: how near each estimator's values come to measured outcomes, all orientations turned to the outcome's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.protocol import Forecaster, Predicts, predicted
from predictor.estimators.registry import ESTIMATORS
from predictor.results.candidate import Candidate
from predictor.results.ranking import Ranking
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import kendall_tau, rank_correlation, weighted_tau
from predictor.training.outcomes import Outcomes

__all__ = ["Score", "rank_correlation", "scores"]


@dataclass(frozen=True)
class Score:
    """One estimator against measured training; None where the figure does not exist or the estimator makes no claim.

    The order that an estimator makes is compared with Err_w2s for every estimator, as a ranking asked of it alone
    would use it so; with the gain only where it predicts or forecasts it, with the weak error only where it predicts
    that. Mean absolute errors exist for values in the unit of what was measured.

    Attributes:
        estimator, evidence: what was asked, and what it was allowed to see.
        spearman_error, kendall_error: rank correlation (ρ, τ-b) with measured Err_w2s; 1 is the right order.
        weighted_tau_error: τ that weighs candidates by 1/rank, so that the best ones count most.
        spearman_gain, kendall_gain, weighted_tau_gain: the same of its predicted gain, or of its value where that is
            what it predicts, with the measured gain.
        regret: measured Err_w2s of its first choice minus that of the best candidate, in label variance; None where it
            cannot tell candidates apart, so that there is no first choice. The mean over first choices that tie.
        regret_gain: the best candidate's measured gain minus that of the one whose predicted gain is highest.
        mae_error, mae_gain: mean absolute error of predicted Err_w2s and gain, in label variance.
        coverage_error: share of candidates whose measured Err_w2s is in the 90 % interval, where there are intervals.
        coverage_gain: the same for the gain; only the ordering estimator has such intervals.
        predicts: the outcome that its value predicts.
        scored: candidates that it gave a value; the others are left out of its figures.
        spearman_weak, kendall_weak, mae_weak: against the measured error of the weak model itself, its 0–1 error where
            the value is a share of rows.
        spearman_log_gain: rank correlation with the measured gain in log-loss, of gains predicted in nats.
        spearman_accuracy: rank correlation of its predicted accuracy of the student with the measured one.
        regret_accuracy: measured accuracy of the best candidate minus that of the one whose predicted accuracy is
            highest, a share of rows; None where no accuracy is predicted.
        accuracy_lost_by_error, accuracy_lost_by_gain: the same of the first choices by its value and by its gain.
        mae_accuracy, mae_accuracy_gain: mean absolute error of the student's accuracy and of its rise over the
            teacher's, as shares of rows, where both are predicted.
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
    predicts: Predicts = "w2s_error"
    scored: int = 0
    kendall_error: float | None = None
    weighted_tau_error: float | None = None
    kendall_gain: float | None = None
    weighted_tau_gain: float | None = None
    regret_gain: float | None = None
    spearman_weak: float | None = None
    kendall_weak: float | None = None
    mae_weak: float | None = None
    spearman_log_gain: float | None = None
    spearman_accuracy: float | None = None
    regret_accuracy: float | None = None
    accuracy_lost_by_error: float | None = None
    accuracy_lost_by_gain: float | None = None
    mae_accuracy: float | None = None
    mae_accuracy_gain: float | None = None


def scores(rankings: Sequence[Ranking], outcomes: Sequence[Outcomes], names: Sequence[str]) -> tuple[Score, ...]:
    """Score every estimator in the rankings.

    Args:
        rankings: one per set of outcomes (one for each revealed third, say); their values are averaged.
        outcomes: measured errors, rows in the order of `names`; column means over splits are compared.
        names: candidates that were both ranked and trained.
    """
    order = {name: i for i, name in enumerate(names)}
    tables = [sorted((c for c in r.candidates if c.name in order), key=lambda c: order[c.name]) for r in rankings]
    recorded = (_Values.of(name, tables, outcomes) for name in tables[0][0].estimates)
    found = [_score(one, rankings[0].evidence) for one in recorded if one.scored.any()]
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Values:
    """Values of one estimator in each of t rankings of m candidates, beside what was measured; NaN where it has none.

    Attributes:
        values, gained: (t, m) its values, and the gains that it predicts or orders by.
        units: of its values, as answered.
        scored: (m,) candidates with a value in some ranking.
        measured: outcome -> (t, m).
        makes_order: whether the order and its intervals are this estimator's.
    """

    name: str
    values: Array
    gained: Array
    units: frozenset[str]
    scored: NDArray[np.bool_]
    measured: dict[str, Array]
    tables: Sequence[Sequence[Candidate]]
    makes_order: bool

    @classmethod
    def of(cls, name: str, tables: Sequence[Sequence[Candidate]], outcomes: Sequence[Outcomes]) -> _Values:
        estimator = ESTIMATORS[name]
        values = np.array([[_number(c.estimates[name].value) for c in table] for table in tables])
        gained = np.array([[_number(c.estimates[name].details.get("gain")) for c in table] for table in tables])
        if predicted(estimator) == "gain" and np.isnan(gained).all():
            gained = values if estimator.better == "higher" else -values
        forecasters = (one for one in tables[0][0].estimates if isinstance(ESTIMATORS[one], Forecaster))
        return cls(
            name,
            values,
            gained,
            frozenset(c.estimates[name].unit for table in tables for c in table if c.estimates[name].value is not None),
            ~np.isnan(values).all(axis=0),
            _measured(outcomes),
            tables,
            name == next(forecasters, None),
        )

    def averaged(self, values: Array) -> Array:
        """Means over rankings, of the candidates that it scored."""
        mean: Array = np.nanmean(values[:, self.scored], axis=0)
        return mean

    def detailed(self, name: str) -> Array:
        """(t, m) the detail of that name; NaN where there is none."""
        return np.array([[_number(c.estimates[self.name].details.get(name)) for c in table] for table in self.tables])

    def missed(self, values: Array, outcome: str) -> float:
        """Mean absolute error."""
        return float(np.nanmean(np.abs(values - self.measured[outcome])[:, self.scored]))


def _measured(outcomes: Sequence[Outcomes]) -> dict[str, Array]:
    found = {
        "w2s_error": np.array([one.w2s.mean(axis=1) for one in outcomes]),
        "gain": np.array([one.gain.mean(axis=1) for one in outcomes]),
        "weak_error": np.array([one.weak.mean(axis=1) for one in outcomes]),
    }
    right = [(one.weak_accuracy, one.w2s_accuracy) for one in outcomes]
    shares = [(weak.mean(axis=1), w2s.mean(axis=1)) for weak, w2s in right if weak is not None and w2s is not None]
    if shares:
        found["weak_accuracy"], found["w2s_accuracy"] = np.array(shares).transpose(1, 0, 2)
        found["weak_mistakes"] = 1.0 - found["weak_accuracy"]
    lost = [(one.weak_log_loss, one.w2s_log_loss) for one in outcomes]
    gained = [np.mean(weak - w2s, axis=1) for weak, w2s in lost if weak is not None and w2s is not None]
    if gained:
        found["log_gain"] = np.array(gained)
    return found


def _score(recorded: _Values, evidence: str) -> Score:
    estimator, what = ESTIMATORS[recorded.name], predicted(ESTIMATORS[recorded.name])
    value = (1.0 if estimator.better == "lower" else -1.0) * recorded.averaged(recorded.values)
    error, every_error = recorded.averaged(recorded.measured["w2s_error"]), recorded.measured["w2s_error"].mean(axis=0)
    in_units = recorded.units == {"label variance"}
    predicts_gain = not np.isnan(recorded.gained[:, recorded.scored]).all(axis=0).any()
    gained = recorded.averaged(recorded.gained) if predicts_gain else np.zeros(0)
    gain, every_gain = recorded.averaged(recorded.measured["gain"]), recorded.measured["gain"].mean(axis=0)
    predicts_weak = what == "weak_error"
    in_shares = recorded.units == {"share of rows"} and "weak_mistakes" in recorded.measured
    weak = "weak_mistakes" if in_shares else "weak_error"
    measured_weak = recorded.averaged(recorded.measured[weak])
    log_gain = recorded.averaged(recorded.measured["log_gain"]) if "log_gain" in recorded.measured else np.zeros(0)
    in_nats = what == "gain" and recorded.units == {"nats"} and "log_gain" in recorded.measured
    right, every_right = np.zeros(0), np.zeros(0)
    if "w2s_accuracy" in recorded.measured:
        shares = recorded.measured["w2s_accuracy"]
        right, every_right = recorded.averaged(shares), shares.mean(axis=0)
    claimed = _claimed_accuracy(recorded)
    return Score(
        estimator=recorded.name,
        evidence=evidence,
        spearman_error=rank_correlation(value, error),
        spearman_gain=rank_correlation(gained, gain) if predicts_gain else None,
        regret=_regret(value, error, every_error),
        mae_error=recorded.missed(recorded.values, "w2s_error") if in_units and what == "w2s_error" else None,
        mae_gain=recorded.missed(recorded.gained, "gain") if in_units and predicts_gain else None,
        coverage_error=_error_coverage(recorded) if in_units and what == "w2s_error" else None,
        coverage_gain=_gain_coverage(recorded) if recorded.makes_order else None,
        predicts=what,
        scored=int(recorded.scored.sum()),
        kendall_error=kendall_tau(value, error),
        weighted_tau_error=weighted_tau(-value, -error),
        kendall_gain=kendall_tau(gained, gain) if predicts_gain else None,
        weighted_tau_gain=weighted_tau(gained, gain) if predicts_gain else None,
        regret_gain=_regret(-gained, -gain, -every_gain) if predicts_gain else None,
        spearman_weak=rank_correlation(value, measured_weak) if predicts_weak else None,
        kendall_weak=kendall_tau(value, measured_weak) if predicts_weak else None,
        mae_weak=recorded.missed(recorded.values, weak) if predicts_weak and (in_units or in_shares) else None,
        spearman_log_gain=rank_correlation(gained, log_gain) if in_nats else None,
        spearman_accuracy=rank_correlation(claimed, right) if len(claimed) else None,
        regret_accuracy=_regret(-claimed, -right, -every_right) if len(claimed) else None,
        accuracy_lost_by_error=_regret(value, -right, -every_right) if len(right) and what == "w2s_error" else None,
        accuracy_lost_by_gain=_regret(-gained, -right, -every_right) if len(right) and predicts_gain else None,
        mae_accuracy=_missed_accuracy(recorded, "w2s_accuracy"),
        mae_accuracy_gain=_missed_accuracy(recorded, "w2s_accuracy", less="weak_accuracy"),
    )


def _regret(predicted: Array, measured: Array, every: Array) -> float | None:
    """What the first choice, lowest in `predicted`, is measured to lose against the best of all; None without one."""
    if not len(predicted) or np.ptp(predicted) == 0.0:
        return None
    return float(measured[predicted == predicted.min()].mean() - every.min())


def _error_coverage(recorded: _Values) -> float | None:
    """Of the values that come with an interval; None where none does."""
    inside = []
    for table, truths in zip(recorded.tables, recorded.measured["w2s_error"], strict=True):
        for candidate, truth in zip(table, truths, strict=True):
            one = candidate.estimates[recorded.name]
            if one.low is not None and one.high is not None:
                inside.append(one.low <= truth <= one.high)
    return float(np.mean(inside)) if inside else None


def _claimed_accuracy(recorded: _Values) -> Array:
    """(m,) predicted accuracies of the candidates scored; empty where one is missing, or nothing was measured."""
    claimed = recorded.detailed("w2s_accuracy")[:, recorded.scored]
    if "w2s_accuracy" not in recorded.measured or np.isnan(claimed).any():
        return np.zeros(0)
    mean: Array = claimed.mean(axis=0)
    return mean


def _missed_accuracy(recorded: _Values, name: str, less: str | None = None) -> float | None:
    """Mean absolute error of a predicted accuracy, or of its difference from another; None where not predicted."""
    if name not in recorded.measured:
        return None
    claimed, measured = recorded.detailed(name), recorded.measured[name]
    if less is not None:
        claimed, measured = claimed - recorded.detailed(less), measured - recorded.measured[less]
    missed = np.abs(claimed - measured)
    return None if np.isnan(missed).all() else float(np.nanmean(missed))


def _gain_coverage(recorded: _Values) -> float:
    inside = []
    for table, truths in zip(recorded.tables, recorded.measured["gain"], strict=True):
        for candidate, truth in zip(table, truths, strict=True):
            claimed = candidate.predicted_gain
            inside.append(claimed is not None and claimed.low <= truth <= claimed.high)
    return float(np.mean(inside))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
