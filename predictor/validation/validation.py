"""Validated: what really training every candidate's student measured, in the shape of the `w2s.validation.v1` JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from predictor.outcomes.outcome import Outcome, outcomes_of
from predictor.results.candidate import Failure
from predictor.results.ranking import Provenance
from predictor.validation.claims import Claims
from predictor.validation.scoring import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCHEMA = "w2s.validation.v1"


@dataclass(frozen=True)
class Mean:
    """A mean over splits with its standard error (None for one split)."""

    value: float
    standard_error: float | None


@dataclass(frozen=True)
class Trained:
    """Measured outcomes of one candidate, errors in units of the label variance.

    Attributes:
        pgr: of the mean errors; None where the ceiling does not beat the weak model.
        weak_accuracy, w2s_accuracy: None for regression.
        pgr_standard_error: over splits; None where there is no PGR.
        weak_log_loss, w2s_log_loss: in nats; None for regression.
        predicted: estimator -> what it predicted of this candidate: `value`, and `gain` where it names one.
    """

    name: str
    weak_error: Mean
    w2s_error: Mean
    gain: Mean
    pgr: float | None
    weak_accuracy: Mean | None = None
    w2s_accuracy: Mean | None = None
    pgr_standard_error: float | None = None
    weak_log_loss: Mean | None = None
    w2s_log_loss: Mean | None = None
    predicted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class RouteTrained:
    """One candidate's student trained on its weak labels and on refined ones, means over splits, and the advice given.

    Attributes:
        realisation: `linear` or `prompted`.
        naive_error, refined_error: squared error in label variances; refined None where nothing could be refined.
        score: of the estimator `refinement`, above 0 where it advises to refine; None where it gave none.
        promised: predicted gain of the refined route less that of the naive one; None as above.
        right_score, right_promised: share of splits on which the advice was right; None as above.
    """

    name: str
    realisation: str
    naive_error: Mean
    refined_error: Mean | None
    score: float | None
    promised: float | None
    right_score: float | None
    right_promised: float | None


@dataclass(frozen=True)
class Validation:
    """What was measured, and each estimator's score against it.

    Attributes:
        rows, splits: pool rows and random partitions trained on.
        ceiling_error: the strong model trained on gold labels of the same rows.
        reliability: rank correlation of Err_w2s between odd and even splits: no estimator can be expected to do much
            better than this.
        trained: candidates by measured Err_w2s, best first.
        scores: label-free estimators against all splits first; then, against the splits whose third was revealed, those
            that use its labels or, `consensus_truth`, the weak labels of heads trained on them, with
            `label_prior_simulation` once more for comparison on the same trainings.
        recipe, loss, label_form, unit: how the student was trained, and what errors are measured in.
        training: further settings of the recipe, by name.
        measured_on: ISO date.
        parts: rows of D~, D^ and the test of the first split.
        ceiling_accuracy, ceiling_log_loss: None for regression.
        routes: students trained on refined labels too, where that was asked for; ridge heads on plain thirds, whatever
            the recipe.
        claims: what was predicted at each level of evidence, where errors were predicted in label variance.
        warnings: of the label-free ranking, such as that its simulation could not show the parts trained on.
    """

    task: str
    strong: str
    rows: int
    splits: int
    ceiling_error: Mean
    reliability: float | None
    trained: tuple[Trained, ...]
    scores: tuple[Score, ...]
    failed: dict[str, Failure]
    provenance: Provenance
    recipe: str = "ridge"
    loss: str = "squared"
    label_form: str = "soft"
    unit: str = "label variance"
    training: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[int, int, int] | None = None
    ceiling_accuracy: Mean | None = None
    ceiling_log_loss: Mean | None = None
    measured_on: str = ""
    routes: tuple[RouteTrained, ...] = ()
    warnings: tuple[str, ...] = ()
    claims: tuple[Claims, ...] = ()
    schema: str = SCHEMA

    def outcomes(self) -> tuple[Outcome, ...]:
        """One measured run per trained candidate, as in the outcome store."""
        return tuple(replace(one, measured_on=self.measured_on) for one in outcomes_of(asdict(self)))

    def to_dict(self) -> dict[str, Any]:
        """The JSON object with the outcomes to record; absent values are None."""
        raw = asdict(self)
        return {"schema": raw.pop("schema"), **raw, "outcomes": [one.to_dict() for one in self.outcomes()]}

    def __str__(self) -> str:
        """Its tables as Markdown."""
        from predictor.validation.tables import markdown

        return markdown(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows on a terminal."""
        printer.text(str(self))

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        return str(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """One point per candidate, on `ax` or on new axes; see `predictor.validation.plot`.

        Raises:
            UnavailableError: matplotlib is not installed.
        """
        from predictor.validation.plot import validation_plot

        return validation_plot(self, ax)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Validation:
        """Read the JSON object back; fields that an earlier version did not write get their defaults."""
        return cls(
            **{
                **{name: value for name, value in raw.items() if name != "outcomes"},
                "ceiling_error": Mean(**raw["ceiling_error"]),
                "ceiling_accuracy": _mean(raw.get("ceiling_accuracy")),
                "ceiling_log_loss": _mean(raw.get("ceiling_log_loss")),
                "trained": tuple(_trained(one) for one in raw["trained"]),
                "routes": tuple(_route(one) for one in raw.get("routes", ())),
                "scores": tuple(Score(**one) for one in raw["scores"]),
                "failed": {name: Failure(**one) for name, one in raw["failed"].items()},
                "warnings": tuple(raw.get("warnings", ())),
                "claims": tuple(Claims.from_dict(one) for one in raw.get("claims", ())),
                "parts": None if raw.get("parts") is None else tuple(raw["parts"]),
                "provenance": Provenance(**raw["provenance"]),
            }
        )

    def to_json(self, path: str | Path | None = None) -> str:
        """The JSON text; also written to `path` where one is given."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text


def mean_of(values: NDArray[np.float64]) -> Mean:
    """The mean over splits with its standard error."""
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return Mean(float(np.mean(values)), error)


_MEANS = ("weak_error", "w2s_error", "gain", "weak_accuracy", "w2s_accuracy", "weak_log_loss", "w2s_log_loss")


def _trained(raw: Mapping[str, Any]) -> Trained:
    return Trained(**{**raw, **{name: _mean(raw.get(name)) for name in _MEANS}})


def _mean(raw: Mapping[str, Any] | None) -> Mean | None:
    return None if raw is None else Mean(**raw)


def _route(raw: Mapping[str, Any]) -> RouteTrained:
    return RouteTrained(**{**raw, **{name: _mean(raw.get(name)) for name in ("naive_error", "refined_error")}})
