"""Consensus truth: `truth` given nothing but the candidates' weak labels.

Ours; no paper states it. No gold label is looked at, nor words. Weak labels that were not given are those of heads
trained on the gold rows: it then sees the heads' answers on the other rows alone, and is a second opinion beside
`truth_posterior`. Of the views of `truth` it takes that of heads that were trained on the same gold rows: with all of
them the order of gains is worse where labels are numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from predictor.errors import InputError
from predictor.estimators.cross_fitted_students import own_labels
from predictor.estimators.label_bases import LabelBases, same_rows_basis
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Forecast, forecast_estimates
from predictor.estimators.supervision import Supervision, supervise
from predictor.estimators.truth import TruthForecast
from predictor.estimators.vote_matrix import NEEDED
from predictor.estimators.weak_probabilities import once_per_case
from predictor.query.evidence import Evidence
from predictor.results.candidate import Estimate
from predictor.statistics.arrays import Array
from predictor.truth.voters import Voters

CALIBRATED = (1.0, 0.0)
"""Mean and standard deviation of the consensus's coefficient: all candidates together are taken to be calibrated, and
what single ones have wrong is their own."""


@dataclass(frozen=True)
class ConsensusForecast(TruthForecast):
    """Expected Err_w2s and gain under the posterior of the labels given the weak labels of at least three models."""

    name: str = "consensus_truth"
    evidence: Evidence = Evidence.weak_labels
    summary: str = (
        "Expected test error of the student under the posterior of the labels given the weak labels of at least three "
        "models alone, given what heads of the same gold rows have in common when such training is simulated; linear "
        "heads of the training's own loss; mistakes that all of them share are invisible."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Expected Err_w2s per candidate with its 90 % interval; absent where `lacks` gives a reason."""
        missing = self.lacks(case)
        if missing:
            return tuple(Estimate(None, self.better, self.unit, note=missing) for _ in case.weak)
        return forecast_estimates(self, replace(self, shuffles=0).forecast(case))

    def lacks(self, case: Case) -> str:
        """Why there is no consensus to speak of; empty where there is one.

        Raises:
            InputError: weak labels do not fit the gold labels, or these leave too few rows.
        """
        return _lacking(_answers(case))

    def forecast(self, case: Case) -> Forecast:
        """Outcomes on the rows without gold labels, in units of the label variance.

        Raises:
            InputError: weak labels are missing, or carry no information together.
        """
        missing = self.lacks(case)
        if missing:
            raise InputError(f"consensus_truth {missing}.", reason="WEAK_LABELS_NEEDED", field="weak_labels")
        return super().forecast(case)

    def bases(self, case: Case, voters: Voters, kernel: Array, *, unit: bool) -> LabelBases:
        """The view of heads that were trained on the same gold rows alone, where candidates have features."""
        alone = same_rows_basis(case, voters, kernel, CALIBRATED, unit=unit)
        if alone is not None:
            return alone
        found = super().bases(case, voters, kernel, unit=unit)
        return replace(found, whole=(replace(found.whole[-1], kappa=np.array([CALIBRATED])),))

    def prepared(self, case: Case) -> Case:
        """The rows without gold labels with weak labels of every candidate, and no other evidence."""
        supervision = _answers(case)
        tables = zip(case.weak, own_labels(case, supervision), strict=True)
        weak_labels = {one.name: table for one, table in tables if table is not None}
        training, classes = case.training, case.described_classes
        if case.labels is not None:
            training = replace(training, weak_rows=int(case.labels.known.sum()))
            classes = 0 if case.labels.kind == "regression" else max(case.labels.targets.shape[1], 2)
        bare = replace(case, labels=None, weak_labels={}, voters=None).take(supervision.rows)
        return super().prepared(replace(bare, weak_labels=weak_labels, training=training, described_classes=classes))


@once_per_case
def _answers(case: Case) -> Supervision:
    """Weak labels of the rows without gold labels."""
    return supervise(case, case.rng("consensus_truth"))


def _lacking(supervision: Supervision) -> str:
    tables = [table for table in supervision.predictions if table is not None]
    if len(tables) < len(supervision.predictions):
        missing = len(supervision.predictions) - len(tables)
        return f"needs weak labels of every candidate, and {missing} have none: give --weak-labels or --labels"
    distinct = len({table.tobytes() for table in tables})
    if distinct < NEEDED:
        return f"needs at least {NEEDED} candidates whose weak labels differ, and there are {distinct}"
    if len({table.shape[1] for table in tables}) > 1:
        return "needs weak labels of one width, and the candidates' differ"
    if all(float(np.ptp(table, axis=0).max()) == 0.0 for table in tables):
        return "needs weak labels that differ between rows, and every candidate's are constant"
    return ""
