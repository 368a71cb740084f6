"""Combined: the default judge, the best forecaster that the evidence at hand allows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from predictor.estimators.case import Case
from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.protocol import Evidence, Forecast, Forecaster
from predictor.estimators.truth_posterior import TruthPosteriorForecast
from predictor.result import Better, Estimate


@dataclass(frozen=True)
class Combined:
    """`truth_posterior` where gold labels of some rows are given, else `label_prior_simulation`.

    A rule, not a fitted model: on the same trainings the posterior ordered candidates better than the simulation in 23
    of 24 measured cells, and mixtures of label-free estimators fitted on other tasks were no better than the simulation
    alone (tests/benchmarks/accuracy.md).
    """

    name: str = "combined"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.representations
    source: str = "this project; no paper states it"
    summary: str = "The default: truth_posterior where --labels is given, label_prior_simulation otherwise."

    def chosen(self, case: Case) -> Forecaster:
        """The forecaster that this case's evidence allows."""
        return self.part(labelled=case.labels is not None)

    def part(self, *, labelled: bool) -> Forecaster:
        """The forecaster that speaks with gold labels at hand, or without."""
        return TruthPosteriorForecast() if labelled else LabelPriorSimulation()

    def forecast(self, case: Case) -> Forecast:
        """The chosen forecaster's outcomes."""
        return self.chosen(case).forecast(case)

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """The chosen forecaster's estimates; the note names it."""
        part = self.chosen(case)
        return tuple(replace(e, note=f"from {part.name}") for e in part.estimate(case))
