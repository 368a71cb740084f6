"""Classes given a Gaussian-process posterior of their codes: probabilities, and label vectors that vary together.

Least-squares classification (Rasmussen, Williams 2006, section 6.5): the process is fitted to the codes, and a sigmoid
turns its mean into a probability, fitted to the means that each gold row gets when it is left out itself. The sigmoid
is Platt's (1999, "Probabilistic outputs for support vector machines"), with his targets short of 0 and 1; one per class
against the rest, scaled to sum to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from predictor.heads.logistic import fit_logistic
from predictor.worlds.posterior import TruthPosterior

Array = NDArray[np.float64]

RIDGE = 1e-4
"""Of the sigmoids' slopes, on scores of unit mean square: enough for classes that scores part completely."""

LEAST = 1e-6
"""Smallest probability of any class."""


@dataclass(frozen=True, eq=False)
class ClassTruth:
    """Which class each of n rows is in.

    Attributes:
        chance: (n, c) probability of each class, rows summing to 1.
        columns: 1 where labels are 0/1 codes of two classes, else c one-hot columns.
        root: (n, r) and
        alone: (n,) of the latent that decides: root z + alone ε is standard normal in every row.
        doubt: standard error of the expected squared error as a share of it, from gold rows left out.
    """

    chance: Array
    columns: int
    root: Array
    alone: Array
    doubt: float

    @classmethod
    def of(cls, posterior: TruthPosterior, gold: Array) -> ClassTruth:
        """Turn a posterior of codes into one of classes.

        Args:
            posterior: given `gold` in any linear coding.
            gold: (l, k) codes of the gold rows: 0/1, or one-hot.
        """
        left, right = _chances(posterior.left_out, posterior.mean, gold)
        missed = np.sum((_codes(left, gold.shape[1]) - gold) ** 2, axis=1)
        doubt = float(np.std(missed) / np.sqrt(len(missed)) / max(np.mean(missed), 1e-12))
        values, vectors = np.linalg.eigh(posterior.covariance)
        spread = np.sqrt(posterior.variance)
        root = vectors * np.sqrt(np.maximum(values, 0.0)) / spread[:, None]
        alone = np.sqrt(np.maximum(1.0 - np.sum(root**2, axis=1), 0.0))
        return cls(right, gold.shape[1], root, alone, doubt)

    @property
    def mean(self) -> Array:
        """(n, k) expected codes."""
        return _codes(self.chance, self.columns)

    @property
    def spread(self) -> float:
        """Mean over rows of the codes' variance, summed over columns."""
        mean = self.mean
        return float(np.mean(np.sum(mean * (1.0 - mean), axis=1)))

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """(n, k, R) codes: each row of a class with its chance, rows that are alike together."""
        latent = self.root @ rng.standard_normal((self.root.shape[1], count))
        latent += self.alone[:, None] * rng.standard_normal(latent.shape)
        below = np.clip(np.cumsum(self.chance, axis=1)[:, :-1], LEAST, 1.0 - LEAST)
        limits = np.array([[NormalDist().inv_cdf(float(p)) for p in row] for row in below])
        chosen = np.sum(latent[:, None] > limits[:, :, None], axis=1)
        if self.columns == 1:
            coded: Array = chosen[:, None].astype(np.float64)
            return coded
        drawn: Array = np.eye(self.columns)[chosen].transpose(0, 2, 1)
        return drawn

    def accuracy(self, codes: Array) -> Array:
        """(m,) expected share of rows on which (m, n, k) predicted codes name the right class."""
        named = (codes[:, :, 0] > 0.5).astype(np.intp) if self.columns == 1 else codes.argmax(axis=2)
        found: Array = np.mean(np.take_along_axis(self.chance, named.T, axis=1), axis=0)
        return found


def _chances(left_out: Array, mean: Array, gold: Array) -> tuple[Array, Array]:
    """(l, c) and (n, c) class probabilities for scores of gold rows left out, and of the rows asked about."""
    found = [_sigmoid(left_out[:, c], mean[:, c], gold[:, c]) for c in range(gold.shape[1])]
    told = tuple(np.clip(np.stack(side, axis=1), LEAST, 1.0 - LEAST) for side in zip(*found, strict=True))
    if gold.shape[1] == 1:
        return np.hstack([1.0 - told[0], told[0]]), np.hstack([1.0 - told[1], told[1]])
    return told[0] / told[0].sum(axis=1, keepdims=True), told[1] / told[1].sum(axis=1, keepdims=True)


def _sigmoid(seen: Array, asked: Array, gold: Array) -> tuple[Array, Array]:
    """Chances of one class; everywhere its share where scores of rows left out do not rise with it."""
    yes = float(gold.sum())
    no = len(gold) - yes
    target = np.where(gold > 0.5, (yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))
    centre, scale = float(seen.mean()), float(np.std(seen))
    if scale == 0.0 or float(np.sum((seen - centre) * (gold - gold.mean()))) <= 0.0:
        share = float(target.mean())
        return np.full(len(seen), share), np.full(len(asked), share)
    taught = np.stack([1.0 - target, target], axis=1)
    head = fit_logistic(((seen - centre) / scale)[:, None], taught, np.array([RIDGE]))
    told = head.predict(((np.concatenate([seen, asked]) - centre) / scale)[:, None])[:, 0, 1]
    return told[: len(seen)], told[len(seen) :]


def _codes(chance: Array, columns: int) -> Array:
    return chance[:, 1:] if columns == 1 else chance
