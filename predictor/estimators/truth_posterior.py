"""Truth posterior: `truth` given nothing but gold labels of some rows, on which weak heads usually are trained (D~).

Ours; no paper states it. No candidate's weak labels and no words are evidence, only what the models see in the rows.
Three things differ from `truth`, which must do with few gold labels or none. Kernels are RBF: with a third of the rows
labelled they order gains better than the linear ones of `truth`. Gold labels alone weigh the grid, as there is no
label-free order that few of them must not replace, and how large errors are is measured on gold rows left out (see
`predictor.truth.left_out`). Of classes, expected labels are probabilities by a sigmoid or softmax that is fitted to
these (see `predictor.truth.class_probabilities`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from predictor.errors import InputError
from predictor.estimators.label_truths import LabelTruths, level_error
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Forecast
from predictor.estimators.truth import Rows, TruthForecast
from predictor.query.evidence import Evidence
from predictor.results.candidate import Estimate
from predictor.statistics.arrays import Array
from predictor.training.coding import Coding
from predictor.training.row_classes import RowClasses
from predictor.truth.basis import Basis
from predictor.truth.class_probabilities import class_probabilities
from predictor.truth.conditioned import DrawnLabels, LabelPosterior, posterior
from predictor.truth.left_out import left_out_grid
from predictor.truth.model import LabelModel
from predictor.truth.rbf import rbf_kernels


@dataclass(frozen=True)
class TruthPosteriorForecast(TruthForecast):
    """Expected Err_w2s and gain under the posterior of the labels given gold labels alone."""

    name: str = "truth_posterior"
    evidence: Evidence = Evidence.few_labels
    summary: str = (
        "Expected test error of the student under a Gaussian-process posterior of the labels given gold labels of some "
        "rows alone, through a sigmoid for classes; linear heads of the training's own loss, labels smooth in some "
        "mixture of the models' representations."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Expected Err_w2s per candidate with its 90 % interval; absent without gold labels."""
        if case.labels is None:
            missing = Estimate(None, self.better, self.unit, note="needs gold labels of some rows: --labels FILE")
            return (missing,) * len(case.weak)
        return super().estimate(case)

    def forecast(self, case: Case) -> Forecast:
        """Outcomes on the rows without gold labels, in units of the gold labels' variance.

        Raises:
            InputError: no gold labels, or of nearly all rows.
        """
        if case.labels is None:
            raise InputError(
                "truth_posterior needs gold labels of some rows; give them with --labels FILE.",
                reason="LABELS_NEEDED",
                field="labels",
            )
        return super().forecast(replace(case, voters=None, described_classes=0))

    def kernels(self, case: Case) -> tuple[Array, ...]:
        """RBF kernels of the models, weighed by gold labels."""
        if case.labels is None:
            raise TypeError("models are weighed by gold labels")
        models = [case.strong.features, *(one.features for one in case.weak if not one.labels_only)]
        codes, known = case.labels.targets[case.labels.known], np.flatnonzero(case.labels.known)
        return rbf_kernels(models, _coding(codes).labels(codes), known, case.rng("lengths"))

    def labels_drawn(self, case: Case, truths: LabelTruths, *, simulated: bool) -> tuple[DrawnLabels, ...]:
        """Of classes, the codes of those drawn: probabilities are of these."""
        drawn, rows = super().labels_drawn(case, truths, simulated=simulated), RowClasses(truths.coding)
        return tuple(one if one.classes is None else replace(one, labels=rows.labels(one.classes)) for one in drawn)

    def truths(self, case: Case, known: Rows) -> LabelTruths:
        """One posterior for order and level."""
        if case.labels is None:
            raise TypeError("the posterior is one given gold labels")
        codes, classes = case.labels.targets[known], case.labels.kind != "regression"
        coding = _coding(codes)
        gold = coding.labels(codes)
        model = LabelModel.of(self.kernels(case), Basis.none(case.rows, gold.shape[1]))
        found = posterior(model, gold, known, left_out_grid(model, gold, known))
        order = _of_classes(found, coding, codes) if classes else found
        level, uncertain = replace(found, variance=order.variance), level_error(order.left_out, gold)
        return LabelTruths(order, level, level, coding, None, None, classes, known, gold, uncertain)


def _coding(codes: Array) -> Coding:
    return Coding(codes.mean(axis=0), float(np.sqrt(np.sum(np.var(codes, axis=0)))))


def _of_classes(found: LabelPosterior, coding: Coding, gold: Array) -> LabelPosterior:
    """The posterior with expectations and variances of classes, p and Σ p (1 − p)."""
    both = class_probabilities(coding.codes(found.left_out), coding.codes(found.mean), gold)
    left_out, codes = (one[:, -gold.shape[1] :] for one in both)
    variance = np.mean(codes * (1.0 - codes), axis=1) / coding.scale**2
    return replace(found, mean=coding.labels(codes), variance=variance, left_out=coding.labels(left_out))
