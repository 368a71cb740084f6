"""LogME: the evidence of a Bayesian linear head on the candidate's features for the gold labels.

You, Liu, Wang, Long 2021, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning", arXiv:2102.11005.
With w ~ N(0, I/α), y | w ~ N(F w, I/β), the log evidence of n labels is

    ½ [n log β + d log α − n log 2π − β ‖F m − y‖² − α ‖m‖² − log |A|],   A = α I + β FᵀF,  m = β A⁻¹ Fᵀ y,

maximised over α and β by their fixed point γ = Σ β σ/(α + β σ), α = γ/‖m‖², β = (n − γ)/‖F m − y‖². Here F is
standardised and an intercept of flat prior is taken out first, which leaves n − 1 rows; labels have variance 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.spectral.spectra import Scale, factor
from predictor.statistics.arrays import Array

ROUNDS = 1000
TOLERANCE = 1e-9
EXTREMES = (1e-12, 1e12)
"""Ratios α/β that end the search: labels that the features fit without error, and features that explain nothing."""


@dataclass(frozen=True)
class BestEvidence:
    """The evidence at its fixed point, for one label column.

    Attributes:
        per_row: log evidence over n − 1, in nats; −½ log 2πe = −1.42 where features explain nothing, higher is better.
        prior, noise: α and β, precisions of the weights and of the labels.
    """

    per_row: float
    prior: float
    noise: float

    @classmethod
    def of(cls, values: Array, energy: Array, total: float, rows: int) -> BestEvidence:
        """Iterate from α = β.

        Args:
            values: (r,) σ > 0, eigenvalues of FFᵀ.
            energy: (r,) (Uᵀy)².
            total: ‖y‖² of the centred labels.
            rows: n − 1, those left beside the intercept.
        """
        outside = max(total - float(energy.sum()), 0.0)
        ratio = 1.0
        for _ in range(ROUNDS):
            before = ratio
            used, length, missed = _parts(values, energy, outside, before)
            # The bounds keep both denominators away from 0 / 0.
            ratio = float(np.clip(used * missed / max(length * (rows - used), 1e-300), *EXTREMES))
            if abs(ratio - before) <= TOLERANCE * before:
                break
        used, length, missed = _parts(values, energy, outside, ratio)
        noise = rows / max(missed + ratio * length, 1e-300)
        determinant = float(np.sum(np.log1p(values / ratio)))
        evidence = 0.5 * (rows * np.log(noise / (2.0 * np.pi)) - rows - determinant)
        return cls(float(evidence) / rows, ratio * noise, noise)


def _parts(values: Array, energy: Array, outside: float, ratio: float) -> tuple[float, float, float]:
    """γ, ‖m‖² and ‖F m − y‖² at α/β = ratio."""
    used = float(np.sum(values / (values + ratio)))
    length = float(np.sum(energy * values / (values + ratio) ** 2))
    missed = float(np.sum(energy * (ratio / (values + ratio)) ** 2)) + outside
    return used, length, missed


@dataclass(frozen=True)
class LogMe:
    """Best log evidence per gold row, mean over label columns."""

    name: str = "logme"
    better: Better = "higher"
    unit: str = "nats per row"
    evidence: Evidence = Evidence.few_labels
    predicts: Predicts = "weak_error"
    source: str = "You et al. 2021, arXiv:2102.11005"
    summary: str = (
        "Baseline with labels: evidence of a Bayesian linear head on the candidate for the gold rows; knows nothing of "
        "the student."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; `details` are α and β of the first label column. The strong model is not looked at."""
        labels = case.labels
        if labels is None:
            why = "needs gold labels of some rows: --labels FILE"
            return tuple(Estimate(None, self.better, self.unit, note=why) for _ in case.weak)
        gold = labels.targets[labels.known]
        varied = gold[:, np.ptp(gold, axis=0) > 0.0]
        return tuple(self._of(candidate.features[labels.known], varied) for candidate in case.weak)

    def _of(self, features: NDArray[np.floating], gold: Array) -> Estimate:
        values, vectors, _ = factor(Scale.of(features).apply(features))
        if not len(values) or not gold.shape[1]:
            return Estimate(None, self.better, self.unit, note="features or labels are constant over the gold rows")
        rows = len(gold)
        labels = (gold - gold.mean(axis=0)) / gold.std(axis=0)
        energy = (vectors.T @ labels) ** 2
        found = [BestEvidence.of(rows * values, column, float(rows), rows - 1) for column in energy.T]
        details = {"prior_precision": found[0].prior, "noise_precision": found[0].noise}
        return Estimate(float(np.mean([one.per_row for one in found])), self.better, self.unit, details=details)
