"""ClassLink: the classes that a drawn truth of the rows stands for.

A truth T is a Gaussian function of the rows, and a label is one of c classes. The largest of c noisy codes says far
less of the truth than a class does, the less the more classes there are: noise that was found in one-hot codes turns
them once more. So a truth sets probabilities, and these the classes:

    p = softmax(a D T + b),    y ~ p,    a and b such that  mean p = class shares  and  mean |P p|² = mean |P T|²,

both about the shares. P = U diag(s) Uᵀ is the smoother of a ridge head of the strong model, D = U Uᵀ: heads can learn
as much of the classes as the evidence says that they can learn of the labels, and the rest is noise to them. Where gold
labels tell how likely each row is of each class, p is moved such that its mean over the draws is that (iterative
proportional fitting; Deming, Stephan 1940, "On a Least Squares Adjustment of a Sampled Frequency Table When the
Expected Marginal Totals are Known"). Ours; no paper states it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array, Ints

FITTED = 1 << 15
"""Probabilities that a and b are fitted on, about: whole draws."""

SLOPES = (0.05, 500.0)
"""a, per unit of code: from no difference between rows to the largest code taking all."""

HALVINGS = 12
"""Of the range of log a."""

RAKES = 20
"""Steps of the proportional fitting."""

MIN = 1e-3
"""Smallest share of a class."""


@dataclass(frozen=True, eq=False)
class Smoother:
    """What ridge heads of a model learn of labels on n rows: P = U diag(s) Uᵀ.

    Attributes:
        directions: (n, r) U.
        shares: (r,) s, in (0, 1].
    """

    directions: Array
    shares: Array

    def coordinates(self, labels: Array) -> Array:
        """(r, c R) Uᵀ x of (n, c, R)."""
        found: Array = self.directions.T @ labels.reshape(len(labels), -1)
        return found

    def learned(self, labels: Array) -> float:
        """|P x|² of (n, c, R), mean over rows and draws."""
        along = self.shares[:, None] * self.coordinates(labels)
        return float(np.sum(along**2)) / (len(labels) * int(labels.shape[2]))

    def projected(self, labels: Array) -> Array:
        """(n, c, R) D x."""
        found: Array = (self.directions @ self.coordinates(labels)).reshape(labels.shape)
        return found


@dataclass(frozen=True, eq=False)
class ClassLink:
    """From truths to classes.

    Attributes:
        shares: (c,) of the classes, c ≥ 2.
        smoother: of the strong model's heads.
        probability: (n, c) of each class by gold labels; None without.
    """

    shares: Array
    smoother: Smoother
    probability: Array | None = None

    @classmethod
    def of(cls, centre: Array, smoother: Smoother, probability: Array | None = None) -> ClassLink:
        """With the (k,) expected codes: of two classes that of the second, else one per class."""
        shares = np.maximum(np.append(1.0 - centre, centre) if len(centre) == 1 else centre, MIN)
        return cls(shares / shares.sum(), smoother, probability)

    def draw(self, codes: Array, noise: Array, rng: np.random.Generator) -> Ints:
        """(n, R) classes of (n, k, R) truths in the coding of class codes.

        Args:
            noise: (R,) share of the label variance; a and b are those of each tenth of it.
        """
        columns = np.concatenate([1.0 - codes, codes], axis=1) if codes.shape[1] == 1 else codes
        found, level = np.empty((len(codes), codes.shape[2]), dtype=np.intp), np.round(noise, 1)
        for one in np.unique(level):
            at = np.flatnonzero(level == one)
            found[:, at] = self._drawn(columns[:, :, at] - self.shares[:, None], rng)
        return found

    def _drawn(self, away: Array, rng: np.random.Generator) -> Ints:
        probability = self.probabilities(away)
        for _ in range(0 if self.probability is None else RAKES):
            probability *= (self.probability / np.maximum(probability.mean(axis=2), 1e-12))[:, :, None]
            probability /= probability.sum(axis=1, keepdims=True)
        level = rng.random((len(away), 1, away.shape[2]))
        found: Ints = np.sum(level > np.cumsum(probability, axis=1)[:, :-1], axis=1)
        return found

    def probabilities(self, away: Array) -> Array:
        """(n, c, R) p of truths less the shares; a and b are fitted on the first of the draws, a by bisection."""
        seen = self.smoother.projected(away)
        some = slice(max(1, FITTED // away[:, :, 0].size))
        target, offsets = self.smoother.learned(away[:, :, some]), np.log(self.shares)
        low, high = (float(np.log(end)) for end in SLOPES)
        for _ in range(HALVINGS):
            steepness = (low + high) / 2.0
            for _ in range(2):
                mean = _softmax(steepness, offsets, seen[:, :, some]).mean(axis=(0, 2))
                offsets = offsets + np.log(self.shares / np.maximum(mean, 1e-12))
            found = _softmax(steepness, offsets, seen[:, :, some])
            below = self.smoother.learned(found - self.shares[:, None]) < target
            low, high = (steepness, high) if below else (low, steepness)
        return _softmax(steepness, offsets, seen)


def _softmax(steepness: float, offsets: Array, away: Array) -> Array:
    """(n, c, R) with a given by its logarithm."""
    logits = np.exp(steepness) * away + offsets[:, None]
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Array = raised / raised.sum(axis=1, keepdims=True)
    return found
