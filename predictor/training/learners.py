"""Learners: what is trained on some rows and used to predict others. Heads on frozen features are here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from predictor.heads.divergences import divergence
from predictor.heads.logistic import RIDGES, fit_logistic, fold_of, held_out
from predictor.heads.ridge import FactoredRidge
from predictor.statistics.arrays import Array
from predictor.training.confidence import mixed_targets, weight_at
from predictor.training.measures import codes, probabilities
from predictor.training.recipe import Recipe
from predictor.training.splits import Rows

FOLDS = 5

REFITS = 10
"""Refits of a head on its own predictions."""


class Learner(Protocol):
    """A model with its training rows and the rows it will be asked about."""

    def learn(self, labels: Array, seed: int, *, gold: bool = False) -> Array:
        """Train from scratch, then predict.

        Args:
            labels: (n, k), of the training rows, in the coding of `Labels`.
            seed: of everything drawn.
            gold: the labels are the truth: the confidence loss is not used.

        Returns:
            (m, k) predictions on the other rows, in the same coding.
        """
        ...


class TunableLearner(Learner, Protocol):
    """A learner whose ridge can be chosen beforehand."""

    def with_ridge_for(self, labels: Array, seed: int) -> TunableLearner:
        """The head with the ridge that it would choose for (n, k) labels."""
        ...


class Trainee(Protocol):
    """A model that can be trained on any rows of the pool."""

    def on(self, train: Rows, other: Rows) -> Learner:
        """Set up a training on `train` whose predictions concern `other`."""
        ...


@dataclass(frozen=True, eq=False)
class RidgeHeads:
    """Ridge regression on standardised features (n, d); classes are regressed on their codes.

    Attributes:
        ridge: fixed, or None for leave-one-out cross-validation on each head's training labels.
    """

    features: NDArray[np.floating]
    ridge: float | None = None

    def on(self, train: Rows, other: Rows) -> RidgeLearner:
        """See `Trainee`."""
        return RidgeLearner(FactoredRidge.of(self.features[train], self.features[other]), self.ridge)


@dataclass(frozen=True, eq=False)
class RidgeLearner:
    """A factored ridge head; a set of labels costs one product."""

    factor: FactoredRidge
    ridge: float | None

    def learn(self, labels: Array, seed: int, *, gold: bool = False) -> Array:
        """See `Learner`; nothing is drawn."""
        return self.factor.predict(labels, self.ridge)

    def with_ridge_for(self, labels: Array, seed: int) -> RidgeLearner:
        """The same: a factored head chooses its ridge for next to nothing."""
        return self


@dataclass(frozen=True, eq=False)
class LogisticHeads:
    """Class probabilities linear in standardised features (n, d), by cross-entropy with a ridge.

    Attributes:
        ridge: fixed, or None for the smallest log-loss on five held-out folds.
        confidence: α of `predictor.training.confidence`; 0 for plain cross-entropy.
    """

    features: NDArray[np.floating]
    ridge: float | None = None
    confidence: float = 0.0

    def on(self, train: Rows, other: Rows) -> LogisticLearner:
        """See `Trainee`."""
        factor = FactoredRidge.of(self.features[train], self.features[other])
        lengths = np.sqrt(factor.rows * factor.values)
        return LogisticLearner(factor.left * lengths, factor.transfer * lengths, self.ridge, self.confidence)


@dataclass(frozen=True, eq=False)
class LogisticLearner:
    """A logistic head in its training rows' principal axes.

    Attributes:
        design: (n, r) training rows, of mean squared norm 1.
        other: (m, r) the rows that are asked about, on the same axes.
    """

    design: Array
    other: Array
    ridge: float | None
    confidence: float

    def learn(self, labels: Array, seed: int, *, gold: bool = False) -> Array:
        """See `Learner`; the seed deals rows to folds. Labels outside [0, 1] are cut to it.

        With confidence the head is refitted on weak labels mixed with its own hardened opinion, α rising over the
        first of ten refits and the ridge staying as the weak labels chose it.
        """
        shares = _class_shares(labels)
        ridge = np.array([self.ridge if self.ridge is not None else self._chosen(shares, seed)])
        heads = fit_logistic(self.design, shares, ridge)
        for refit in range(1, 0 if gold or self.confidence == 0.0 else REFITS + 1):
            own = heads.predict(self.design)[:, 0]
            targets = mixed_targets(shares, own, weight_at(refit / REFITS, self.confidence))
            heads = fit_logistic(self.design, targets, ridge)
        return codes(heads.predict(self.other)[:, 0])

    def with_ridge_for(self, labels: Array, seed: int) -> LogisticLearner:
        """The same with the ridge that it would choose for these labels."""
        return self if self.ridge is not None else replace(self, ridge=self._chosen(_class_shares(labels), seed))

    def _chosen(self, shares: Array, seed: int) -> float:
        folds = fold_of(len(shares), FOLDS, np.random.default_rng([seed, FOLDS]))
        tried = np.maximum(held_out(fit_logistic, self.design, shares, folds), np.finfo(np.float64).tiny)
        missed = [float(np.mean(divergence(shares, one))) for one in np.moveaxis(tried, 1, 0)]
        return float(RIDGES[int(np.argmin(missed))])


def _class_shares(labels: Array) -> Array:
    """(n, c) class probabilities; all alike in a row of which the cut leaves nothing."""
    shares = probabilities(np.clip(labels, 0.0, 1.0))
    whole = shares.sum(axis=1, keepdims=True)
    normal: Array = np.full(shares.shape, 1.0 / shares.shape[1])
    np.divide(shares, whole, out=normal, where=whole > 0.0)
    return normal


def weak_heads(features: NDArray[np.floating], recipe: Recipe) -> Trainee:
    """The head that a weak model is given under a recipe whose loss is chosen."""
    if recipe.training.heads == "ridge":
        return RidgeHeads(features, recipe.training.weak_ridge)
    return LogisticHeads(features, recipe.training.weak_ridge)


def student_heads(features: NDArray[np.floating], recipe: Recipe) -> Trainee:
    """The student of a recipe whose method is `ridge` or `logistic` and whose loss is chosen."""
    if recipe.method == "ridge":
        return RidgeHeads(features, recipe.training.student_ridge)
    confidence = recipe.confidence if recipe.loss == "confidence" else 0.0
    return LogisticHeads(features, recipe.training.student_ridge, confidence)
