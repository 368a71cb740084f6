"""Label-prior simulation: predicted outcomes of W2S training, averaged over the tasks that are plausible under a prior.

Ours; no paper states it. It is `truth` without any evidence under another prior: tasks spread evenly over what all
models see in the rows, by their size and depth. Candidates of noise count there, and none is told from its own tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.label_kernels import own_kernels
from predictor.estimators.label_truths import LabelTruths
from predictor.estimators.priors import FLAT_RIDGE, consensus_kernel
from predictor.estimators.problem import Case
from predictor.estimators.truth import TruthForecast
from predictor.statistics.arrays import Array
from predictor.training.coding import Coding
from predictor.truth.basis import Basis
from predictor.truth.conditioned import posterior
from predictor.truth.kernels import unit
from predictor.truth.model import LabelModel

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class LabelPriorSimulation(TruthForecast):
    """Expected Err_w2s and gain over tasks drawn from priors, with paired draws for intervals."""

    weak_labels: bool = False

    name: str = "label_prior_simulation"
    summary: str = (
        "Expected test error of the student when labels spread evenly over what all models, by size and depth, see in "
        "the rows, at five levels of noise; linear heads, squared loss, on thirds of the rows or on as many as were "
        "named."
    )

    def prepared(self, case: Case) -> Case:
        """The rows and models alone."""
        return super().prepared(replace(case, labels=None, voters=None, described_classes=0))

    def truths(self, case: Case, known: Rows) -> LabelTruths:
        """Tasks that all models see make the order; the level is that of these and of the student's own together.

        The student's own separate candidates badly, as the one most like the student always wins. They make the null:
        in the others a candidate has a part itself, and would know of its tasks even if it were noise.
        """
        everyone = unit(consensus_kernel((case.strong, *case.weak, *case.context_models), FLAT_RIDGE))
        own, none = own_kernels(case.strong), np.empty((0, 1))

        def under(*kernels: Array) -> LabelModel:
            return LabelModel.of(kernels, Basis.none(case.rows, 1))

        order, level, alone = (posterior(under(*one), none, known) for one in ((everyone,), (everyone, *own), own))
        return LabelTruths(order, level, alone, Coding(np.zeros(1), 1.0), None, None, False, known, none)
