"""Bregman divergences: D(f, g) = Σ_j φ(f_j) − φ(g_j) − φ'(g_j)(f_j − g_j), one for each convex φ.

Bregman 1967, USSR Computational Mathematics and Mathematical Physics 7(3). D is convex in its first slot, so that the
nearest point of a convex class in that slot is unique and obeys the Pythagorean inequality.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array


@dataclass(frozen=True)
class Generator:
    """A convex function of one output, applied entry by entry.

    Attributes:
        name: of the divergence.
        potential, slope, curvature: φ, φ' and φ''.
        degree: d of D(s f, s g) = sᵈ D(f, g) for every s > 0; None where there is none.
    """

    name: str
    potential: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]
    degree: int | None = None

    def divergence(self, left: Array, right: Array) -> Array:
        """(n,) D(left, right) of (n, c) outputs, summed over columns; ≥ 0, and 0 for equal rows."""
        terms = self.potential(left) - self.potential(right) - self.slope(right) * (left - right)
        rows: Array = np.sum(terms, axis=1)
        return np.maximum(rows, 0.0)


def _entropy(f: Array) -> Array:
    """f log f − f, 0 at 0."""
    found: Array = f * np.log(np.where(f > 0.0, f, 1.0)) - f
    return found


def _binary_entropy(f: Array) -> Array:
    """f log f + (1 − f) log(1 − f), 0 at 0 and 1."""
    found: Array = _entropy(f) + _entropy(1.0 - f) + 1.0
    return found


def _log(f: Array) -> Array:
    found: Array = np.log(f)
    return found


def _logit(f: Array) -> Array:
    found: Array = np.log(f) - np.log1p(-f)
    return found


ENTROPY = Generator("kl", _entropy, _log, lambda f: 1.0 / f, degree=1)
"""KL and I-divergence, for outputs ≥ 0: the divergence of log-loss over classes."""

LOGISTIC = Generator("logistic", _binary_entropy, _logit, lambda f: 1.0 / (f * (1.0 - f)))
"""Binary KL of each column, for outputs in [0, 1]: the divergence of logistic loss, one class against the rest."""

SQUARED = Generator("squared", lambda f: f**2, lambda f: 2.0 * f, lambda f: np.full_like(f, 2.0), degree=2)
"""Squared distance; for class probabilities the divergence of the Brier score."""

ITAKURA_SAITO = Generator("itakura_saito", lambda f: -np.log(f), lambda f: -1.0 / f, lambda f: f**-2, degree=0)
"""f/g − log(f/g) − 1, for outputs > 0: relative errors count the same for outputs of any size."""
