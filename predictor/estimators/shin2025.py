"""Overlap density: the share of rows that carry both an easy and a hard pattern.

Shin, Cooper, Sala 2025, "Weak-to-Strong Generalization Through the Data-Centric Lens", arXiv:2412.03881: on rows with
both patterns the weak model is right for the easy one and the student learns the hard one; gain is a function of their
density (their abstract). The detection below follows the authors' published experiment code (SprocketLab,
datacentric_w2s): a change point of the sorted weak confidences parts hard-only rows from the rest, and a change point
of the rest's sorted largest |cosine| with any hard-only row parts easy-only rows from overlap rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.hard_votes import are_classes, margins
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.supervision import supervise
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.spectral.spectra import Scale
from predictor.statistics.arrays import Array

Flags = NDArray[np.bool_]

BLOCK = 1024
"""Rows whose cosines are held at once."""

PLACES = 4000
"""Places of a change point tried at most: the search evaluates the cost of both sides at each."""


@dataclass(frozen=True, eq=False)
class Patterns:
    """Which pattern each of n rows carries; exactly one flag is set per row.

    Attributes:
        hard, easy, overlap: (n,).
    """

    hard: Flags
    easy: Flags
    overlap: Flags

    @classmethod
    def of(cls, confidence: Array, features: NDArray[np.floating]) -> Patterns | None:
        """Part rows by (n,) weak confidence, then by alignment of their (n, d) strong features; None where either
        does not vary.

        Features are standardised per dimension first (ours; the published code takes cosines of raw activations, where
        a common offset makes all rows look alike).
        """
        hard = below_change(confidence)
        if hard is None:
            return None
        scaled = Scale.of(features).apply(features)
        length = np.linalg.norm(scaled, axis=1, keepdims=True)
        directions = np.divide(scaled, length, out=np.zeros_like(scaled), where=length > 0.0)
        apart = below_change(alignment(directions[~hard], directions[hard]))
        if apart is None:
            return None
        overlap = np.zeros_like(hard)
        overlap[np.flatnonzero(~hard)[~apart]] = True
        return cls(hard, ~hard & ~overlap, overlap)


def alignment(rows: Array, hard: Array) -> Array:
    """(n,) largest |cosine| of each of (n, d) unit rows with any of (h, d) unit rows."""
    best = np.empty(len(rows))
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        best[part] = np.abs(rows[part] @ hard.T).max(axis=1)
    return best


def below_change(values: Array) -> Flags | None:
    """(n,) True below the one change point of the sorted values: the cut into two runs with least squared error.

    Exact up to 4,000 values, on an even grid of places beyond; None for fewer than 4 values or values without spread.
    """
    if len(values) < 4 or np.ptp(values) <= 0.0:
        return None
    from ruptures import Binseg

    ordered = np.sort(values)
    step = 1 + (len(values) - 1) // PLACES
    place = Binseg(model="l2", min_size=1, jump=step).fit(ordered[:, None]).predict(n_bkps=1)[0]
    below: Flags = values < ordered[place]
    return below if below.any() else None


@dataclass(frozen=True)
class OverlapDensity:
    """Overlap rows over all rows that the weak model labels."""

    name: str = "overlap_density"
    better: Better = "higher"
    unit: str = "share of rows"
    evidence: Evidence = Evidence.weak_labels
    predicts: Predicts = "gain"
    source: str = "Shin et al. 2025, arXiv:2412.03881, and the authors' code"
    summary: str = (
        "Share of rows on which the weak model is confident and the strong model sees something of the rows where it "
        "is not; assumes classes, and that low weak confidence marks the hard pattern."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Density per candidate; `hard_only`, `easy_only` and `overlap` shares in the details. Classes only."""
        if find_spec("ruptures") is None:
            return tuple(
                self._absent("needs the package ruptures: pip install 'w2s-predictor[evidence]'") for _ in case.weak
            )
        supervision = supervise(case, case.rng(self.name))
        strong = case.strong.features[supervision.rows]
        return tuple(self._of(labels, strong, case) for labels in supervision.predictions)

    def _of(self, labels: Array | None, strong: NDArray[np.floating], case: Case) -> Estimate:
        if labels is None:
            return self._absent("needs --weak-labels for this candidate, or --labels")
        if not are_classes(labels, case.labels):
            return self._absent("needs classes: a number to regress on has no confidence")
        patterns = Patterns.of(margins(labels), strong)
        if patterns is None:
            return self._absent("the weak confidences, or the rows' alignment with hard ones, do not vary")
        shares = {
            "hard_only": float(patterns.hard.mean()),
            "easy_only": float(patterns.easy.mean()),
            "overlap": float(patterns.overlap.mean()),
        }
        return Estimate(shares["overlap"], self.better, self.unit, details=shares)

    def _absent(self, why: str) -> Estimate:
        return Estimate(None, self.better, self.unit, note=why)
