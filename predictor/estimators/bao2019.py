"""H-score: distance of the classes' mean features, in the features' own covariance.

Bao et al. 2019, "An Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP: tr(Σ⁻¹ Σ_z),
Σ_z the covariance of E[f | y]. With fewer rows than dimensions Σ⁻¹ does not exist; taken here in the shrunk form of
Ibrahim, Ponomareva, Mazumder 2021, "Newer is not always better", OpenReview iz_Wwmfquno,

    tr(Σ_α⁻¹ (1 − α) Σ_z),   Σ_α = (1 − α) Σ + α (tr Σ / d) I,

α by Ledoit, Wolf 2004, Journal of Multivariate Analysis 88. Features are standardised first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.hard_votes import votes
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.spectral.spectra import Scale, factor
from predictor.statistics.arrays import Array


def shrinkage(centred: Array, values: Array, dims: int) -> float:
    """Ledoit–Wolf's α in [0, 1]: how much of the sample covariance is to be replaced by its mean variance.

    min(b, e)/e with e = ‖Σ − μ I‖²/d, b = Σ_i ‖x_i x_iᵀ − Σ‖² / (n² d), μ = tr Σ / d.

    Args:
        centred: (n, d) rows x_i of zero mean.
        values: (r,) eigenvalues of Σ = Σ_i x_i x_iᵀ / n, all others 0.
        dims: d, dimensions that vary.
    """
    rows, mean = len(centred), float(values.sum()) / dims
    squares = float(np.sum(values**2))
    apart = squares - dims * mean**2
    scatter = float(np.mean(np.sum(centred**2, axis=1) ** 2)) - squares
    return min(scatter / rows, apart) / apart if apart > 1e-12 * squares else 0.0


def h_score(features: NDArray[np.floating], classes: NDArray[np.intp]) -> tuple[float, float] | None:
    """tr(Σ_α⁻¹ (1 − α) Σ_z) and α of (n, d) features; None where no dimension varies.

    Returns:
        A score in [0, classes − 1], higher is better; in directions without shrinkage it is the share of each
        direction's variance that the classes explain, summed.
    """
    scale = Scale.of(features)
    scaled = scale.apply(features)
    values, vectors, _ = factor(scaled)
    if not len(values):
        return None
    dims = int(np.count_nonzero(scale.weight))
    alpha = shrinkage(scaled, values, dims)
    between = np.zeros(len(values))
    for one in np.unique(classes):
        own = classes == one
        between += np.mean(own) * (np.sqrt(len(scaled) * values) * vectors[own].mean(axis=0)) ** 2
    shrunk = (1.0 - alpha) * values + alpha * float(values.sum()) / dims
    return float(np.sum((1.0 - alpha) * between / shrunk)), alpha


@dataclass(frozen=True)
class HScore:
    """Shrunk H-score of the candidate's features on the gold rows."""

    name: str = "h_score"
    better: Better = "higher"
    unit: str = "explained directions"
    evidence: Evidence = Evidence.few_labels
    predicts: Predicts = "weak_error"
    source: str = "Bao et al. 2019, ICIP; shrunk form of Ibrahim et al. 2021, OpenReview iz_Wwmfquno"
    summary: str = (
        "Baseline with labels: variance between the classes' mean features over the features' shrunk covariance, on "
        "the gold rows; classes only, and it knows nothing of the student."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; `details["shrinkage"]` is α. Absent for numbers to regress on."""
        labels = case.labels
        if labels is None:
            return tuple(self._absent("needs gold labels of some rows: --labels FILE") for _ in case.weak)
        if labels.kind == "regression":
            return tuple(self._absent("needs classes: numbers have no class means") for _ in case.weak)
        classes = votes(labels.targets[labels.known])
        return tuple(self._of(candidate.features[labels.known], classes) for candidate in case.weak)

    def _of(self, features: NDArray[np.floating], classes: NDArray[np.intp]) -> Estimate:
        found = h_score(features, classes)
        if found is None:
            return self._absent("features are constant over the gold rows")
        value, alpha = found
        return Estimate(value, self.better, self.unit, details={"shrinkage": alpha})

    def _absent(self, why: str) -> Estimate:
        return Estimate(None, self.better, self.unit, note=why)
