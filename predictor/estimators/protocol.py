"""What every estimator declares and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeGuard, runtime_checkable

import numpy as np

from predictor.decision.draws import OutcomeDraws, centred_on
from predictor.estimators.problem import Case
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.results.ranking import EvidenceUse
from predictor.statistics.arrays import Array
from predictor.training.predicted_measure import PredictedMeasure

Predicts = Literal["w2s_error", "gain", "weak_error", "nothing"]
"""The measured outcome that an estimator's value predicts, with its sign (`better`); it is scored against that."""


@runtime_checkable
class Estimator(Protocol):
    """A rule that gives every candidate a value, in one orientation."""

    @property
    def name(self) -> str:
        """As users type it."""
        ...

    @property
    def better(self) -> Better:
        """Which way a good candidate goes."""
        ...

    @property
    def unit(self) -> str:
        """Of the value."""
        ...

    @property
    def evidence(self) -> Evidence:
        """The least evidence it needs."""
        ...

    @property
    def source(self) -> str:
        """Paper and equation of the formula."""
        ...

    @property
    def summary(self) -> str:
        """What it measures and assumes, in one sentence for the report."""
        ...

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """One estimate per candidate of the case, in order; `value` None with a note where it does not apply."""
        ...


@dataclass(frozen=True, eq=False)
class Forecast:
    """Predicted outcomes of W2S training, with paired replicates, in units of the label variance.

    A replicate is one simulated training (task, split and resampled test rows) seen by *every* candidate, so that
    differences between columns of one replicate are free of the variation they share.

    Attributes:
        error, gain: (m,) expected Err_w2s and Err_w − Err_w2s per candidate.
        ceiling: expected error of the strong head trained on gold labels.
        error_draws, gain_draws: (m, R).
        ceiling_draws: (R,).
        null_draws: (m, S) Err_w2s of the same candidates with row pairing shuffled.
        evidence_kinds: how much each description, proxy and candidate's weak labels was relied on, where known.
        notes: what the reader should know.
        warnings: where this is not the training that was asked for.
        accuracy: shares of right rows of the weak models and their students; None where not predicted.
        auroc: areas under their ROC curves, of two classes; None where not predicted.
        label_scale: standard deviation of labels that are numbers, in their own unit; None where not known.
    """

    error: Array
    gain: Array
    ceiling: float
    error_draws: Array
    gain_draws: Array
    ceiling_draws: Array
    null_draws: Array
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    accuracy: PredictedMeasure | None = None
    evidence_kinds: tuple[EvidenceUse, ...] = ()
    auroc: PredictedMeasure | None = None
    label_scale: float | None = None

    def moved(self, error: Array, gain: Array, error_draws: Array, gain_draws: Array) -> Forecast:
        """The same with (m,) added to the candidates' errors and gains, and (m, R) to those of the replicates."""
        return replace(
            self,
            error=self.error + error,
            gain=self.gain + gain,
            error_draws=self.error_draws + error_draws,
            gain_draws=self.gain_draws + gain_draws,
        )

    def draws(self, names: Sequence[str], seed: int) -> OutcomeDraws:
        """Joint draws of the candidates' outcomes, each column centred on what is predicted."""
        right = self.accuracy
        return OutcomeDraws(
            tuple(names),
            centred_on(self.error, self.error_draws).T,
            centred_on(self.gain, self.gain_draws).T,
            None if right is None else centred_on(right.w2s, right.w2s_draws).T,
            None if right is None else centred_on(right.weak, right.weak_draws).T,
            seed,
        )

    @property
    def pgr(self) -> Array:
        """(m,) (Err_w − Err_w2s) / (Err_w − Err_sc), NaN where the ceiling does not beat the weak model."""
        return recovered(self.gain, self.error + self.gain - self.ceiling)

    @property
    def pgr_draws(self) -> Array:
        """(m, R), NaN where undefined."""
        return recovered(self.gain_draws, self.error_draws + self.gain_draws - self.ceiling_draws)


AT_HAND = "intervals hold for the weak labels at hand"

FRESH = "intervals hold for a fresh draw of the weak training set"


def recovered(gain: Array, headroom: Array) -> Array:
    """Performance gap recovered, gain / headroom, NaN where there is no headroom to recover."""
    safe = np.where(headroom > 1e-9, headroom, np.nan)
    ratio: Array = gain / safe
    return ratio


@runtime_checkable
class Forecaster(Estimator, Protocol):
    """An estimator that predicts outcomes in units, not only an order."""

    def forecast(self, case: Case) -> Forecast:
        """Predicted outcomes of every candidate."""
        ...


def forecast_estimates(forecaster: Forecaster, forecast: Forecast) -> tuple[Estimate, ...]:
    """The forecast's errors as a forecaster's estimates, with 90 % intervals; gain and accuracies in the details."""
    low, high = np.quantile(forecast.error_draws, [0.05, 0.95], axis=1)
    # No error is below 0, and the expectation of skewed draws can be in their tail.
    low, high = np.minimum(np.maximum(low, 0.0), forecast.error), np.maximum(high, forecast.error)
    note = "; ".join(forecast.notes)
    details = [{"gain": float(gain)} for gain in forecast.gain]
    if forecast.accuracy is not None:
        for one, weak, student in zip(details, forecast.accuracy.weak, forecast.accuracy.w2s, strict=True):
            one |= {"weak_accuracy": float(weak), "w2s_accuracy": float(student)}
    return tuple(
        Estimate(float(v), forecaster.better, forecaster.unit, float(a), float(b), note, one)
        for v, a, b, one in zip(forecast.error, low, high, details, strict=True)
    )


@runtime_checkable
class JointEstimator(Estimator, Protocol):
    """An estimator that compares candidates with each other: it runs once, on all of them."""

    @property
    def joint(self) -> Literal[True]:
        """A case with one candidate alone would not give the same value."""
        ...


def forecasts(estimator: Estimator) -> TypeGuard[Forecaster]:
    """Whether the estimator is a `Forecaster`: far cheaper than `isinstance`, which looks at every attribute."""
    return hasattr(estimator, "forecast")


def compares(estimator: Estimator) -> TypeGuard[JointEstimator]:
    """Whether the estimator is a `JointEstimator`; as above."""
    return hasattr(estimator, "joint")


@runtime_checkable
class PredictsOutcome(Estimator, Protocol):
    """An estimator that declares what its value predicts; the others predict Err_w2s."""

    @property
    def predicts(self) -> Predicts:
        """`nothing` for a bound or a diagnosis that orders no candidates."""
        ...


def predicted(estimator: Estimator) -> Predicts:
    """The outcome that the estimator's value predicts. A forecaster predicts the gain as well."""
    return estimator.predicts if isinstance(estimator, PredictsOutcome) else "w2s_error"
