"""Drawn tasks: labels drawn from several priors, on the parts of splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array
from predictor.training.simulation import Floats
from predictor.training.splits import Parts


@dataclass(frozen=True, eq=False)
class DrawnTasks:
    """R tasks drawn from each of P priors, on the parts of splits.

    Attributes:
        weak, student: (P, …, n, R) labels of D~ and D^, with noise.
        truth: (P, …, n_t, R) of the test rows, without.
        noise: (P, …) its variance.
        weights: (…, n_t, R) of bootstraps of the test rows, summing to 1.
    """

    weak: Array
    student: Array
    truth: Array
    noise: Array
    weights: Array

    def error(self, predictions: Floats) -> Array:
        """(P, …, R) errors of (P, …, n_t, R) predictions.

        A test row counts by its noiseless truth, and the noise's variance is added: the noise of some test rows is no
        property of a candidate.
        """
        found: Array = np.sum(self.weights * (self.truth - predictions) ** 2, axis=-2) + self.noise[..., None]
        return found


@dataclass(frozen=True, eq=False)
class SplitTasks:
    """Tasks on one split.

    Attributes:
        part: the split.
        noise: σ², share of the label variance.
        truth, labels: (P, n, R) of all rows, without and with noise.
        weights: (n_t, R) of the test rows, a bootstrap a task.
    """

    part: Parts
    noise: float
    truth: Array
    labels: Array
    weights: Array

    @classmethod
    def draw(cls, signal: Array, noise: float, part: Parts, rng: np.random.Generator) -> SplitTasks:
        """Add noise to (P, n, R) tasks of unit variance, and draw test rows."""
        rows, draws = len(part.test), signal.shape[2]
        counts = rng.multinomial(rows, np.full(rows, 1 / rows), draws)
        truth = np.sqrt(1.0 - noise) * signal
        return cls(part, noise, truth, truth + np.sqrt(noise) * rng.standard_normal(truth.shape), counts.T / rows)

    @staticmethod
    def stack(tasks: Sequence[SplitTasks]) -> tuple[Parts, Array, DrawnTasks]:
        """The splits, their (S,) noise, and the tasks, as stacks."""
        noise = np.array([one.noise for one in tasks])
        parts = ("weak", "student")
        weak, student = (np.stack([one.labels[:, getattr(one.part, name)] for one in tasks], axis=1) for name in parts)
        truth = np.stack([one.truth[:, one.part.test] for one in tasks], axis=1)
        weights = np.stack([one.weights for one in tasks])
        return Parts.stack([one.part for one in tasks]), noise, DrawnTasks(weak, student, truth, noise, weights)
