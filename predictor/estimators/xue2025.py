"""Representation gap: how much of what the strong model can fit its weak supervisor hides.

Xue, Li, Mirzasoleiman 2025, "Representations Shape Weak-to-Strong Generalization", arXiv:2502.00620.
With P = K(K + β I)⁻¹ on the principal part of each model's kernel, PredGap ≈ ‖P_s(I − P_w) y‖² / n (Theorem 3.8);
without labels, the norms of P_s(I − P_w). Everything runs through `predictor.spectral.alignment`, and no n × n matrix
is formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from predictor.estimators.problem import Case
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.spectral.alignment import Alignment, Point

Form = Literal["operator", "frobenius", "prior", "tail_corrected"]

ENERGIES = (0.9, 0.95, 0.99)
"""Shares of energy retained as the principal part; the middle one is the headline value."""

RIDGES = (1e-3, 1e-2, 1e-1)
"""β as a share of tr K; the middle one is the headline value."""

SATURATED = 0.99


FORMS = {
    "operator": Alignment.operator_gaps,
    "frobenius": Alignment.frobenius_gaps,
    "prior": Alignment.prior_gaps,
    "tail_corrected": Alignment.operator_gaps,
}


@dataclass(frozen=True)
class RepresentationGap:
    """The label-free norm of P_s(I − P_w) in one of its three forms, over the grid of truncations and ridges.

    The fourth, `tail_corrected`, is the operator form with (λ − γ)/(λ + β) for λ/(λ + β), γ = tail / n, in each model
    whose dropped part is flat and high-dimensional (`Spectrum.flat_tail`): there the retained ones contain it too.
    """

    form: Form = "operator"
    better: Better = "lower"
    unit: str = "share of label norm"
    evidence: Evidence = Evidence.representations
    source: str = "Xue et al. 2025, arXiv:2502.00620, Theorem 3.8"

    @property
    def name(self) -> str:
        """`representation_gap`, with the form's name behind it for the others."""
        return "representation_gap" if self.form == "operator" else f"representation_gap_{self.form}"

    @property
    def summary(self) -> str:
        """What the form averages over."""
        return {
            "operator": "Worst-case share of a label's norm that the strong model could fit and the weak one hides; "
            "assumes linear heads on frozen features.",
            "frobenius": "The same on average over labels drawn evenly from what the strong model can fit.",
            "prior": "The same on average over labels drawn from the strong model's own kernel.",
            "tail_corrected": "The worst case again, each model's flat and high-dimensional tail taken off its "
            "retained eigenvalues; equal to representation_gap where no tail is such.",
        }[self.form]

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Headline at the grid's centre; low and high are the extremes over the grid, each point in `details`."""
        norms = FORMS[self.form]
        answers = []
        for candidate in case.weak:
            pair = candidate.alignment(case.strong)
            points = [
                Point(energy, ridge, self._corrected(pair, energy)) for energy, ridge in product(ENERGIES, RIDGES)
            ]
            values = norms(pair, points)
            grid = {
                f"energy={point.energy:g},ridge={point.ridge:g}": float(v)
                for point, v in zip(points, values, strict=True)
            }
            headline = grid[f"energy={ENERGIES[1]:g},ridge={RIDGES[1]:g}"]
            answers.append(
                Estimate(
                    value=headline,
                    better=self.better,
                    unit=self.unit,
                    low=min(grid.values()),
                    high=max(grid.values()),
                    note="; ".join(self._notes(pair, headline)),
                    details=grid,
                )
            )
        return tuple(answers)

    def _corrected(self, pair: Alignment, energy: float) -> tuple[bool, bool]:
        """Whether the strong and the weak model's tails are taken off."""
        return _flat_tails(pair, energy) if self.form == "tail_corrected" else (False, False)

    def _notes(self, pair: Alignment, headline: float) -> Iterator[str]:
        if headline > SATURATED:
            yield "saturated: too close to 1 to separate candidates"
        flat = _flat_tails(pair, ENERGIES[1])
        whose = " and ".join(name for name, one in zip(("strong", "weak"), flat, strict=True) if one)
        if self.form == "tail_corrected":
            yield f"flat tail taken off: {whose}" if whose else "no tail is flat and high-dimensional: none taken off"
        elif self.form == "operator" and whose:
            yield f"flat, high-dimensional tail ({whose}): representation_gap_tail_corrected takes it off"


def _flat_tails(pair: Alignment, energy: float) -> tuple[bool, bool]:
    return pair.strong.truncate(energy).flat_tail, pair.weak.truncate(energy).flat_tail
