"""Baselines that any estimator must beat: similarity to the strong model, size, and effective dimension."""

from __future__ import annotations

from dataclasses import dataclass

from predictor.estimators.problem import Case
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate


@dataclass(frozen=True)
class Cka:
    """Linear CKA to the strong model, of standardised features; those of Kornblith et al. are centred only."""

    name: str = "cka"
    better: Better = "higher"
    unit: str = "similarity"
    evidence: Evidence = Evidence.representations
    source: str = "Kornblith et al. 2019, arXiv:1905.00414; of standardised features"
    summary: str = (
        "Baseline: similarity of the two kernels of standardised features, with no idea of labels or of who teaches "
        "whom."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Linear CKA per candidate."""
        return tuple(Estimate(w.alignment(case.strong).cka, self.better, self.unit) for w in case.weak)


@dataclass(frozen=True)
class ParameterCount:
    """Number of weights: the rule of thumb that bigger teaches better."""

    name: str = "parameter_count"
    better: Better = "higher"
    unit: str = "weights"
    evidence: Evidence = Evidence.representations
    source: str = "rule of thumb"
    summary: str = "Baseline: the bigger model teaches."

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """The number of weights per candidate, absent for arrays."""
        return tuple(
            Estimate(
                None if w.parameters is None else float(w.parameters),
                self.better,
                self.unit,
                note="unknown for arrays" if w.parameters is None else "",
            )
            for w in case.weak
        )


@dataclass(frozen=True)
class Width:
    """Number of feature dimensions: the rule of thumb for models whose number of weights is unknown."""

    name: str = "width"
    better: Better = "higher"
    unit: str = "dimensions"
    evidence: Evidence = Evidence.representations
    source: str = "rule of thumb"
    summary: str = "Baseline: the wider representation teaches."

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """The width per candidate, constant dimensions included."""
        return tuple(Estimate(float(w.dim), self.better, self.unit) for w in case.weak)


@dataclass(frozen=True)
class EffectiveDimension:
    """Participation ratio of the candidate's spectrum."""

    name: str = "effective_dimension"
    better: Better = "higher"
    unit: str = "dimensions"
    evidence: Evidence = Evidence.representations
    source: str = "participation ratio (Σ λ)² / Σ λ²"
    summary: str = "Baseline: how many directions of the representation carry energy."

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Participation ratio per candidate."""
        return tuple(Estimate(w.kernel.effective_dimension, self.better, self.unit) for w in case.weak)
