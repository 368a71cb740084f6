"""Bregman misfit: how far the student stays from its weak labels in the divergence of any proper loss.

Mulgund, Pabbaraju 2025, "Relating Misfit to Gain in Weak-to-Strong Generalization Beyond the Squared Loss",
arXiv:2501.19105: for a Bregman divergence D and f_sw = argmin D(f, f_w) over a convex class that holds the truth, the
student in the *first* slot,

    E D(f*, f_w) − E D(f*, f_sw) ≥ E D(f_sw, f_w):

the gain in the loss that belongs to D is at least the misfit. The class here is the mixtures of fixed predictors;
logistic heads are no convex class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.weak_probabilities import FOLDS, NotApplicable, WeakOutputs, weak_outputs
from predictor.heads.bregman import ITAKURA_SAITO, LOGISTIC, SQUARED, Generator
from predictor.heads.logistic import HELD_OUT_TOLERANCE, RIDGES, fit_log_linear, fit_logistic
from predictor.heads.mixture import fit_mixture, mixed, optimality_gap
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array

Form = Literal["logistic", "squared", "itakura_saito"]

GENERATORS = {"logistic": LOGISTIC, "squared": SQUARED, "itakura_saito": ITAKURA_SAITO}


@dataclass(frozen=True, eq=False)
class Projection:
    """A student that is the point nearest to its weak labels, student first, of the mixtures of fixed predictors.

    Attributes:
        distance: (n,) D(f_sw, f_w) on held-out rows, in label units as the two below.
        fitted: its mean on the rows of the projections themselves, where the inequality is exact.
        gap: upper bound on how far a projection is above the minimum.
    """

    distance: Array
    fitted: float
    gap: float

    @classmethod
    def of(cls, outputs: WeakOutputs, generator: Generator, rng: np.random.Generator) -> Projection:
        """Project fold by fold: half of the other rows train the components, the other half choose the mixture.

        So the class is fixed before the projection that the inequality is about. Components are one head per ridge,
        and constants.
        """
        half = rng.permutation(np.arange(len(outputs.weak)) % 2).astype(bool)
        others = outputs.folds[:, None] != np.arange(FOLDS)
        trained = np.repeat(others & half[:, None], len(RIDGES), axis=1)
        fit = fit_logistic if outputs.kind == "probabilities" else fit_log_linear
        heads = fit(
            outputs.design, outputs.weak, np.tile(RIDGES, FOLDS), trained, tolerance=HELD_OUT_TOLERANCE
        ).predict(outputs.design)
        by_fold = heads.reshape(len(heads), FOLDS, len(RIDGES), -1)
        free = _free_columns(outputs, generator)
        weak = outputs.weak[:, free]
        student = np.empty_like(weak)
        fitted, gaps = [], []
        for fold in range(FOLDS):
            components = with_constants(by_fold[:, fold], outputs.weak[others[:, fold] & half], outputs.kind)[
                :, :, free
            ]
            chosen, test = others[:, fold] & ~half, ~others[:, fold]
            weights = fit_mixture(components[chosen], weak[chosen], generator)
            student[test] = mixed(components[test], weights)
            fitted.append(float(np.mean(generator.divergence(mixed(components[chosen], weights), weak[chosen]))))
            gaps.append(optimality_gap(components[chosen], weak[chosen], weights, generator))
        unit = outputs.scale ** (generator.degree or 0)
        return cls(unit * generator.divergence(student, weak), unit * float(np.mean(fitted)), unit * max(gaps))


def _free_columns(outputs: WeakOutputs, generator: Generator) -> slice:
    """The second of two classes for the logistic loss, which sets each class against the rest; else all."""
    return slice(1, None) if generator is LOGISTIC and outputs.weak.shape[1] == 2 else slice(None)


def with_constants(heads: Array, labels: Array, kind: str) -> Array:
    """(n, R + c + 1, c) components: the heads, certainty of each class, and the mean of the training labels.

    For positive outputs, (n, R + 3, 1): the heads, and the smallest, largest and mean training label.
    """
    mean = labels.mean(axis=0)
    corners = np.eye(len(mean)) if kind == "probabilities" else np.stack([labels.min(axis=0), labels.max(axis=0)])
    constants = np.concatenate([corners, mean[None]])
    return np.concatenate([heads, np.broadcast_to(constants, (len(heads), *constants.shape))], axis=1)


@dataclass(frozen=True)
class BregmanMisfit:
    """Mean D(f_sw, f_w) on held-out rows in the divergence of one loss."""

    form: Form = "logistic"
    better: Better = "higher"
    unit: str = "divergence"
    evidence: Evidence = Evidence.weak_labels
    predicts: Predicts = "gain"
    source: str = "Mulgund, Pabbaraju 2025, arXiv:2501.19105"

    @property
    def name(self) -> str:
        """`bregman_misfit_` and the form."""
        return f"bregman_misfit_{self.form}"

    @property
    def summary(self) -> str:
        """The loss that the divergence belongs to, and what is assumed."""
        loss = {
            "logistic": "logistic loss, each class against the rest",
            "squared": "squared loss (the Brier score of class probabilities)",
            "itakura_saito": "relative errors (Itakura-Saito)",
        }[self.form]
        return (
            f"Divergence of {loss} from the weak labels to a mixture fitted with the student in the first slot: the "
            "gain in that loss is at least its fitted value if the mixture holds the truth, which nothing here can "
            "check."
        )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; absent where its weak labels are neither probabilities nor positive outputs.

        `details["fitted"]` is the divergence on the rows of the projection itself, `optimality_gap` how far from the
        minimum it can be.
        """
        return tuple(self._one(outputs, case.rng(self.name)) for outputs in weak_outputs(case))

    def _one(self, outputs: WeakOutputs | NotApplicable, rng: np.random.Generator) -> Estimate:
        if isinstance(outputs, NotApplicable):
            return Estimate(None, self.better, self.unit, note=outputs.reason)
        if self.form == "logistic" and outputs.kind != "probabilities":
            why = "its weak labels are no class probabilities, so that the logistic loss does not exist"
            return Estimate(None, self.better, self.unit, note=why)
        found = Projection.of(outputs, GENERATORS[self.form], rng)
        details = {"fitted": found.fitted, "optimality_gap": found.gap}
        return mean_of(found.distance, self.better, self._unit(outputs), outputs.notes, details)

    def _unit(self, outputs: WeakOutputs) -> str:
        if self.form != "squared":
            return "nats"
        return "squared probability" if outputs.kind == "probabilities" else "squared label units"


def mean_of(rows: Array, better: Better, unit: str, notes: tuple[str, ...], details: dict[str, float]) -> Estimate:
    """The mean over rows with its 90 % interval; divergences are never negative, so neither is its lower end."""
    value, spread = float(np.mean(rows)), 1.645 * float(np.std(rows)) / float(np.sqrt(len(rows)))
    return Estimate(value, better, unit, max(value - spread, 0.0), value + spread, "; ".join(notes), details)
