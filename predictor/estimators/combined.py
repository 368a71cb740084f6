"""Combined: the default estimator, the best forecaster that the evidence at hand allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from predictor.estimators.consensus_truth import ConsensusForecast
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
    """`truth`, but `truth_posterior` where heads are trained on the very gold labels given.

    A rule, not a fitted model: in the mean over all measured tasks each part orders candidates better than the one that
    needs less (tests/benchmarks/accuracy.md, one_truth.md).
    """

    name: str = "combined"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.representations
    source: str = "this project; no paper states it"
    summary: str = (
        "The default: truth, or beside --labels alone, or weak labels of heads that were trained on these rows, "
        "truth_posterior."
    )

    def chosen(self, case: Case) -> Forecaster:
        """The forecaster that this case's evidence allows.

        Weak labels of fewer than three candidates, or of some only, are no evidence without gold labels: nothing tells
        what they are worth.
        """
        simulated = any(one.labels_only for one in case.weak) or short_of_training(case.labels, case.training)
        if simulated or case.voters is not None or joint_evidence(case.labels, case.weak_labels):
            return TruthForecast()
        if case.labels is not None:
            return TruthPosteriorForecast()
        return TruthForecast(weak_labels=bool(case.weak_labels) and not ConsensusForecast().lacks(case))

    def part(self, evidence: Evidence, *, joint: bool = False) -> Forecaster:
        """The forecaster for candidates that all come with this evidence.

        Args:
            joint: there is more than one kind of evidence, or heads are trained on more rows than have gold labels.
        """
        return TruthForecast() if joint or evidence < Evidence.few_labels else TruthPosteriorForecast()

    def forecast(self, case: Case) -> Forecast:
        """The chosen forecaster's outcomes."""
        return self.chosen(case).forecast(case)

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """The chosen forecaster's estimates; the note names it."""
        part = self.chosen(case)
        return tuple(replace(e, note=f"from {part.name}") for e in part.estimate(case))
