"""Rehearsal: the student really taught by every candidate's weak labels on the pool, and judged by a believed truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.protocol import Forecast
from predictor.estimators.supervision import taught
from predictor.worlds.training import Training

Array = NDArray[np.float64]


def rehearse(
    strong: NDArray[np.floating],
    weak: Array,
    null: Array,
    mean: Array,
    truth: Array,
    training: Training,
    rng: np.random.Generator,
    accuracy: Callable[[Array], Array] | None = None,
) -> Forecast:
    """Outcomes of one random cut of the rows into halves that teach each other, in the unit of the labels squared.

    Errors are distances to the expected truth, without what the truth varies around it; errors of draws are whole.

    Args:
        strong: (n, d) features of the rows.
        weak: (m, n, k) weak labels.
        null: (m, S, n, k) weak labels of shuffled pairings.
        mean: (n, k) expected labels.
        truth: (n, k, R) plausible labels, each judged on a bootstrap of the rows of its own.
        training: ridges and rows of the student.
        accuracy: (m, n, k) predictions -> (m,) expected share of right rows, where rows are of classes.
    """
    rows = weak.shape[1]
    lessons = np.concatenate([weak[:, None], null], axis=1)
    stacked = lessons.transpose(2, 0, 1, 3)
    students = taught(strong, stacked.reshape(rows, -1), training, rng).reshape(stacked.shape)
    learned, mixed = students[:, :, 0].transpose(1, 0, 2), students[:, :, 1:]
    top = taught(strong, truth.reshape(rows, -1), training, rng).reshape(truth.shape)
    weights = rng.multinomial(rows, np.full(rows, 1 / rows), truth.shape[2]).T / rows
    w2s_draws = np.stack([_drawn_error(f, truth, weights) for f in learned])
    weak_draws = np.stack([_drawn_error(f, truth, weights) for f in weak])
    ceiling_draws = np.sum(weights * np.sum((top - truth) ** 2, axis=1), axis=0)
    error = np.mean(np.sum((learned - mean) ** 2, axis=2), axis=1)
    return Forecast(
        error=error,
        gain=np.mean(np.sum((weak - mean) ** 2, axis=2), axis=1) - error,
        ceiling=float(np.mean(ceiling_draws)),
        error_draws=w2s_draws,
        gain_draws=weak_draws - w2s_draws,
        ceiling_draws=ceiling_draws,
        null_draws=np.mean(np.sum((mixed - mean[:, None, None]) ** 2, axis=3), axis=0),
        accuracy=None if accuracy is None else np.stack([accuracy(weak), accuracy(learned)], axis=1),
    )


def _drawn_error(prediction: Array, truth: Array, weights: Array) -> Array:
    """(R,) squared error of (n, k) predictions against each of (n, k, R) truths on its bootstrap of the rows."""
    errors: Array = np.sum(weights * np.sum((prediction[:, :, None] - truth) ** 2, axis=1), axis=0)
    return errors
