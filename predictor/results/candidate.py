"""Candidate: one row of the answer, with its estimates, intervals and failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from predictor.errors import W2SError

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Interval:
    """A value with its 90 % interval. `None` where a part does not exist."""

    value: float | None
    low: float | None
    high: float | None
    unit: str


@dataclass(frozen=True)
class PredictedPair:
    """One measure of the student (`w2s`) and of its teacher (`weak`)."""

    w2s: Interval | None = None
    weak: Interval | None = None

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> PredictedPair:
        """Read the JSON object back."""
        return cls(*(None if raw[name] is None else Interval(**raw[name]) for name in ("w2s", "weak")))


@dataclass(frozen=True)
class Estimate:
    """One estimator's answer for one candidate.

    Attributes:
        value: None where the estimator does not apply (`note` gives the reason).
        better: orientation, the same for every candidate of this estimator.
        low, high: spread over the estimator's own settings or replicates, or None.
        details: further numbers under their own names, such as each grid point.
    """

    value: float | None
    better: Better
    unit: str = ""
    low: float | None = None
    high: float | None = None
    note: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """Why a candidate has no rank: canonical code, stable reason, a sentence for people."""

    code: str
    reason: str
    message: str

    @classmethod
    def of(cls, error: W2SError) -> Failure:
        """The failure of a candidate that raised this error."""
        return cls(error.code, error.reason, error.message)


_INTERVALS = (
    *("predicted_w2s_error", "predicted_gain", "predicted_pgr"),
    *("predicted_accuracy", "predicted_weak_accuracy"),
)

SHARE = "share of rows"
LABEL_VARIANCE = "label variance"
PAIRS = "share of pairs"
LABEL_UNIT = "label unit"


@dataclass(frozen=True)
class Candidate:
    """One row of the answer. Ranks count from 1; intervals are 90 %.

    Attributes:
        predicted_accuracy, predicted_weak_accuracy: share of rows whose class the student and the candidate itself name
            right; None where the labels are numbers, or nobody knows that they are classes.
        predicted_auroc: areas under the ROC curve, of two classes.
        predicted_rmse: root mean squared errors in the label's own unit, of numbers.
        flags: why the candidate must not be advised, such as that it does not beat shuffled rows.
    """

    name: str
    status: Literal["ok", "failed"]
    rank: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    p_best: float | None = None
    tie_group: int | None = None
    predicted_w2s_error: Interval | None = None
    predicted_gain: Interval | None = None
    predicted_pgr: Interval | None = None
    predicted_accuracy: Interval | None = None
    predicted_weak_accuracy: Interval | None = None
    predicted_auroc: PredictedPair | None = None
    predicted_rmse: PredictedPair | None = None
    flags: tuple[str, ...] = ()
    layer: str | None = None
    dim: int | None = None
    parameters: int | None = None
    fingerprint: str | None = None
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    error: Failure | None = None

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Candidate:
        """Read one object of the JSON's `candidates` back."""
        values = {f.name: raw[f.name] for f in fields(cls)}
        for name in _INTERVALS:
            values[name] = None if values[name] is None else Interval(**values[name])
        for name in ("predicted_auroc", "predicted_rmse"):
            values[name] = None if values[name] is None else PredictedPair.from_dict(values[name])
        values["estimates"] = {name: Estimate(**e) for name, e in values["estimates"].items()}
        values["warnings"], values["flags"] = tuple(values["warnings"]), tuple(values["flags"])
        values["error"] = None if values["error"] is None else Failure(**values["error"])
        return cls(**values)

    def outcomes(self) -> dict[str, Interval | None]:
        """Every predicted outcome by its name in flat tables; those of the candidate itself are `predicted_weak_…`."""
        area, root = self.predicted_auroc or PredictedPair(), self.predicted_rmse or PredictedPair()
        return {
            "predicted_accuracy": self.predicted_accuracy,
            "predicted_weak_accuracy": self.predicted_weak_accuracy,
            "predicted_auroc": area.w2s,
            "predicted_weak_auroc": area.weak,
            "predicted_w2s_error": self.predicted_w2s_error,
            "predicted_gain": self.predicted_gain,
            "predicted_pgr": self.predicted_pgr,
            "predicted_rmse": root.w2s,
            "predicted_weak_rmse": root.weak,
        }

    def to_row(self) -> dict[str, Any]:
        """The candidate as one flat row of a frame: intervals as `_low` and `_high`, one column an estimator."""
        row: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("rank", "name", "status", "rank_low", "rank_high", "p_best", "tie_group", "layer", "dim")
        }
        for name, interval in self.outcomes().items():
            row[name] = None if interval is None else interval.value
            row[f"{name}_low"] = None if interval is None else interval.low
            row[f"{name}_high"] = None if interval is None else interval.high
        row |= {key: estimate.value for key, estimate in self.estimates.items()}
        row["error"] = None if self.error is None else self.error.message
        return row
