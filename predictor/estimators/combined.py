"""Combined: the default estimator, the best forecaster that the evidence at hand allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from predictor.estimators.consensus_truth import ConsensusForecast
from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Forecast, Forecaster
from predictor.estimators.truth import TruthForecast
from predictor.estimators.truth_posterior import TruthPosteriorForecast
from predictor.query.evidence import Evidence
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Floats
from predictor.truth.exchangeability import trained_on


def joint_evidence(labels: Labels | None, weak_labels: Mapping[str, Floats]) -> bool:
    """Whether weak labels add information to gold labels: their heads were not trained on these very rows."""
    return labels is not None and bool(weak_labels) and not trained_on(weak_labels.values(), labels)


def short_of_training(labels: Labels | None, training: Training) -> bool:
    """Whether there are fewer gold rows than weak heads are to be trained on: heads on these alone are other heads."""
    return labels is not None and (training.weak_rows or 0) > int(labels.known.sum())


@dataclass(frozen=True)
class Combined:
    """`truth` given descriptions, proxies, a candidate of labels only, or gold and weak labels of other heads' rows.

    `truth` too where the gold rows are fewer than the training's own: training is then simulated on what they tell of
    the labels. Else `truth_posterior` given gold labels, else `consensus_truth` given weak ones, else
    `label_prior_simulation`.

    A rule, not a fitted model: in the mean over all measured tasks each orders candidates better than the one that
    needs less, and mixtures of label-free estimators fitted on other tasks were better than the simulation alone by .01
    at most (tests/benchmarks/accuracy.md, accuracy_second.md, accuracy_third.md).
    """

    name: str = "combined"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.representations
    source: str = "this project; no paper states it"
    summary: str = (
        "The default: truth where --describe, --proxy, --labels of fewer rows than --weak-rows, or --labels and weak "
        "labels of teachers trained elsewhere are given; else "
        "truth_posterior where --labels is given, else consensus_truth where every candidate's weak labels are and "
        "three of them differ, else label_prior_simulation."
    )

    def chosen(self, case: Case) -> Forecaster:
        """The forecaster that this case's evidence allows."""
        bare = any(one.labels_only for one in case.weak)
        joint = joint_evidence(case.labels, case.weak_labels) or short_of_training(case.labels, case.training)
        if bare or case.voters is not None or joint:
            return TruthForecast()
        consensus = ConsensusForecast()
        if case.labels is None and case.weak_labels and not consensus.lacks(case):
            return consensus
        return self.part(Evidence.representations if case.labels is None else Evidence.few_labels)

    def part(self, evidence: Evidence, *, joint: bool = False) -> Forecaster:
        """The forecaster for candidates that all come with this evidence.

        Args:
            joint: descriptions or proxies are given too, weak labels beside gold ones, or too few gold rows.
        """
        if joint:
            return TruthForecast()
        if evidence >= Evidence.few_labels:
            return TruthPosteriorForecast()
        return ConsensusForecast() if evidence == Evidence.weak_labels else LabelPriorSimulation()

    def forecast(self, case: Case) -> Forecast:
        """The chosen forecaster's outcomes."""
        return self.chosen(case).forecast(case)

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """The chosen forecaster's estimates; the note names it."""
        part = self.chosen(case)
        return tuple(replace(e, note=f"from {part.name}") for e in part.estimate(case))
