"""KL misfit: how far, in nats, the student stays from the weak probabilities it was trained on.

Yao, Yang, Wang, Lin, Liu 2025, "Capabilities and Limitations of Weak-to-Strong Generalization", arXiv:2502.01458 (KL
misfit in regression); Mulgund, Pabbaraju 2025, arXiv:2501.19105 (any Bregman divergence, student in the first slot).

Which head satisfies which assumption, worked out here from the Pythagorean property of Bregman projections:

* **reverse**, I(f_sw‖f_w): a class convex in the *outputs* that holds f*, and f_sw its point nearest to f_w in that
  divergence ⇒ E I(f*‖f_w) − E I(f*‖f_sw) ≥ E I(f_sw‖f_w); for class probabilities the left side is the gain in
  log-loss. Mixtures of fixed predictors are such a class, logistic heads are not.
* **forward**, I(f_w‖f_sw): a class convex in *log*-outputs that holds f*, such as logistic heads without a ridge, and
  f_sw nearest to f_w in that divergence ⇒ E I(f_w‖f*) − E I(f_sw‖f*) ≥ E I(f_w‖f_sw): the truth is in the second
  slot, so this is no statement about log-loss. A ridge breaks it.

Held-out rows, a truth outside the class and a class that was itself learned from the weak labels turn either into a
heuristic: with real heads the measured gain in log-loss reached the held-out misfit in at most a third of a task's
trainings, on some tasks in none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.mulgund2025 import Projection, mean_of
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.weak_probabilities import NotApplicable, WeakOutputs, weak_outputs
from predictor.heads.bregman import ENTROPY
from predictor.heads.divergences import divergence
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate


@dataclass(frozen=True)
class KlMisfit:
    """Mean I(f_w‖f_sw) on held-out rows, f_sw the logistic (or log-linear) ridge head that minimises it."""

    name: str = "kl_misfit"
    better: Better = "higher"
    unit: str = "nats"
    evidence: Evidence = Evidence.weak_labels
    predicts: Predicts = "gain"
    source: str = "Yao et al. 2025, arXiv:2502.01458"
    summary: str = (
        "Forward KL from the weak probabilities to a logistic student on held-out rows; a heuristic for the gain: even "
        "without its ridge that head bounds no gain in log-loss."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; absent where its weak labels are neither probabilities nor positive outputs."""
        return tuple(self._one(outputs) for outputs in weak_outputs(case))

    def _one(self, outputs: WeakOutputs | NotApplicable) -> Estimate:
        if isinstance(outputs, NotApplicable):
            return Estimate(None, self.better, self.unit, note=outputs.reason)
        rows = outputs.scale * divergence(outputs.weak, outputs.student)
        reverse = outputs.scale * float(np.mean(divergence(outputs.student, outputs.weak)))
        details = {"ridge": outputs.ridge, "reverse": reverse}
        return mean_of(rows, self.better, _unit(outputs), outputs.notes, details)


@dataclass(frozen=True)
class ReverseKlMisfit:
    """Mean I(f_sw‖f_w) on held-out rows, f_sw the mixture of fixed predictors that minimises it."""

    name: str = "reverse_kl_misfit"
    better: Better = "higher"
    unit: str = "nats"
    evidence: Evidence = Evidence.weak_labels
    predicts: Predicts = "gain"
    source: str = "Yao et al. 2025, arXiv:2502.01458; Mulgund, Pabbaraju 2025, arXiv:2501.19105"
    summary: str = (
        "Reverse KL, student first, of a mixture of logistic heads and constants fitted by it: the gain in log-loss "
        "is at least its fitted value if the mixture holds the truth, which nothing here can check."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; absent where its weak labels are neither probabilities nor positive outputs.

        `details["fitted"]` is the divergence on the rows of the projection itself, `logistic_head` that of the head of
        `kl_misfit` in the same direction.
        """
        return tuple(self._one(outputs, case.rng(self.name)) for outputs in weak_outputs(case))

    def _one(self, outputs: WeakOutputs | NotApplicable, rng: np.random.Generator) -> Estimate:
        if isinstance(outputs, NotApplicable):
            return Estimate(None, self.better, self.unit, note=outputs.reason)
        found = Projection.of(outputs, ENTROPY, rng)
        details = {
            "fitted": found.fitted,
            "optimality_gap": found.gap,
            "logistic_head": outputs.scale * float(np.mean(divergence(outputs.student, outputs.weak))),
        }
        return mean_of(found.distance, self.better, _unit(outputs), outputs.notes, details)


def _unit(outputs: WeakOutputs) -> str:
    return "nats" if outputs.kind == "probabilities" else "nats × label units"
