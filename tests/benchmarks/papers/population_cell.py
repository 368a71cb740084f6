"""Population cell: what was measured and predicted of one task, one student and many teachers, stored once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.label_kernels import label_kernels
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Forecast
from predictor.estimators.registry import ESTIMATORS
from predictor.estimators.truth import TruthForecast
from predictor.estimators.xue2025 import RepresentationGap
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from predictor.training.outcomes import Outcomes
from predictor.truth.voters import Voters
from tests.benchmarks.label_free_forecasts import load as load_forecast
from tests.benchmarks.label_free_forecasts import save
from tests.benchmarks.papers.peers_gaussian import left_out_share, sufficiency

BASELINES = ("cka", "parameter_count", "width", "effective_dimension")
BASELINES += ("representation_gap", "representation_gap_frobenius", "representation_gap_prior")
LEFT_OUT, SUFFICIENCY, TURTLE = "left-out share of the student", "Gaussian sufficiency", "TURTLE, ten classes"
NOTHING, WORDS = "truth", "truth, with descriptions"
ALONE = "truth, the student's kernel alone"
FORECASTS = {NOTHING: ".npz", WORDS: ".words.npz"}
"""Endings of the files of forecasts with draws."""


@dataclass(frozen=True, eq=False)
class WithKernels(TruthForecast):
    """`truth` under kernels that were made before, as several forecasts of a cell share them."""

    made: tuple[Array, ...] = ()
    shuffles: int = 0

    def kernels(self, case: Case) -> tuple[Array, ...]:
        """See `label_kernels`."""
        return self.made


@dataclass(frozen=True)
class Candidate:
    """One layer of one teacher; errors in label variances.

    Attributes:
        one: whether it is the layer that stands for its model.
        standard_error: of `w2s_error`, over splits.
    """

    model: str
    layer: str
    one: bool
    weak_error: float
    w2s_error: float
    standard_error: float


@dataclass(frozen=True)
class Prediction:
    """What one estimator predicts of candidates, in their order: lowest `error` is best; `gain` where there is one."""

    error: list[float]
    gain: list[float] | None = None


@dataclass(frozen=True)
class PopulationCell:
    """Everything measured and predicted of a task and a student.

    Attributes:
        reliability: rank correlation of the mean errors over every other split.
        one: predictions of the population of one layer a model, by the name of the order.
        settings: the representation gap of the same population under each of its settings.
        layers: predictions of all layers, by the name of the order; none where only one layer a model is there.
    """

    task: str
    student: str
    rows: int
    ceiling: float
    reliability: float
    candidates: list[Candidate]
    one: dict[str, Prediction]
    settings: dict[str, list[float]]
    layers: dict[str, Prediction] = field(default_factory=dict)

    @property
    def reach(self) -> float:
        """Root of the reliability of all splits: what a perfect order of the true errors would correlate with.

        Source: Spearman 1904, Spearman 1910 and Brown 1910: 2 r / (1 + r) for the mean of two halves that correlate
        by r.
        """
        halves = max(self.reliability, 0.0)
        return float(np.sqrt(2.0 * halves / (1.0 + halves)))

    def write(self, path: Path) -> None:
        """Store it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


def load(path: Path) -> PopulationCell:
    """A stored cell."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    predicted = {key: {name: Prediction(**one) for name, one in found[key].items()} for key in ("one", "layers")}
    return PopulationCell(**(found | predicted | {"candidates": [Candidate(**one) for one in found["candidates"]]}))


def reliability(w2s: Array) -> float:
    """Of (m, splits) errors; 0 where a half has no order."""
    return rank_correlation(w2s[:, ::2].mean(axis=1), w2s[:, 1::2].mean(axis=1)) or 0.0


def candidates(models: Sequence[tuple[str, str]], places: Sequence[int], outcomes: Outcomes) -> list[Candidate]:
    """One per model and layer; those at `places` stand for their models."""
    errors = outcomes.w2s.std(axis=1, ddof=1) / np.sqrt(outcomes.w2s.shape[1])
    measured = zip(outcomes.weak.mean(axis=1), outcomes.w2s.mean(axis=1), errors, strict=True)
    return [
        Candidate(model, layer, place in places, float(weak), float(w2s), float(error))
        for place, ((model, layer), (weak, w2s, error)) in enumerate(zip(models, measured, strict=True))
    ]


def orders(case: Case, words: Voters | None, classes: int, home: Path) -> dict[str, Prediction]:
    """Every order of the candidates that needs no label of a row.

    Args:
        home: the forecasts of NOTHING and WORDS are stored beside it.
    """
    found = truths(case, words, classes, home)
    for name in BASELINES:
        estimates = ESTIMATORS[name].estimate(case)
        values = np.array([np.nan if one.value is None else one.value for one in estimates])
        known = np.where(np.isnan(values), np.nanmean(values), values)
        found[name] = Prediction((known if estimates[0].better == "lower" else -known).tolist())
    features: list[NDArray[np.floating]] = [one.features for one in case.weak]
    found[LEFT_OUT] = Prediction(left_out_share(case.strong.features, features).tolist())
    found[SUFFICIENCY] = Prediction((-sufficiency(case.strong.features, features)).tolist())
    return found


def truths(case: Case, words: Voters | None, classes: int, home: Path | None = None) -> dict[str, Prediction]:
    """Predictions without evidence, and with descriptions where the task has some."""
    strong, rest, *others = label_kernels(case)
    asked = {NOTHING: (case, (strong, rest)), ALONE: (case, (strong, strong))}
    if words is not None:
        asked[WORDS] = (replace(case, voters=words, described_classes=classes), (strong, rest))
    found = {}
    for name, (here, kernels) in asked.items():
        forecast = WithKernels(made=(*kernels, *others)).forecast(here)
        found[name] = Prediction(forecast.error.tolist(), forecast.gain.tolist())
        if home is not None and name in FORECASTS:
            save(forecast, [one.name for one in here.weak], home.with_suffix(FORECASTS[name]))
    return found


def forecasts(path: Path) -> dict[str, Forecast]:
    """Forecasts stored beside a cell, by the name of the order."""
    found = {name: load_forecast(path.with_suffix(ending)) for name, ending in FORECASTS.items()}
    return {name: one.forecast() for name, one in found.items() if one is not None}


def gaps(case: Case) -> dict[str, list[float]]:
    """The representation gap under each of its settings."""
    found = RepresentationGap().estimate(case)
    return {name: [one.details[name] for one in found] for name in found[0].details}
