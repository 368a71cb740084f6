"""Measures: how wrong predictions are on test rows."""

from __future__ import annotations

import numpy as np

from predictor.statistics.arrays import Array

SURE = 1e-3
"""Probabilities are clipped this far from 0 and 1 before their logarithm is taken, those of regressed codes alike."""


def squared_error(prediction: Array, truth: Array) -> float:
    """Mean over rows of the squared distance, summed over columns."""
    return float(np.mean(np.sum((prediction - truth) ** 2, axis=1)))


def accuracy(prediction: Array, truth: Array) -> float:
    """Share of rows whose class is right: codes are cut at ½, one-hot columns by the largest."""
    if truth.shape[1] == 1:
        return float(np.mean((prediction > 0.5) == (truth > 0.5)))
    return float(np.mean(prediction.argmax(axis=1) == truth.argmax(axis=1)))


def log_loss(prediction: Array, truth: Array) -> float:
    """Mean over rows of −log p(true class), in nats; predictions are cut to [0.001, 0.999] and made to sum to 1."""
    clipped = np.clip(probabilities(prediction), SURE, 1.0 - SURE)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(-np.mean(np.sum(probabilities(truth) * np.log(clipped), axis=1)))


def probabilities(codes: Array) -> Array:
    """(n, c) one column per class, of 0/1 codes (n, 1) or of columns that already are classes."""
    return np.concatenate([1.0 - codes, codes], axis=1) if codes.shape[1] == 1 else codes


def codes(columns: Array) -> Array:
    """The coding of `Labels`: only the second of two columns, more as they are."""
    return columns[:, 1:] if columns.shape[1] == 2 else columns


def hardened(labels: Array) -> Array:
    """Classes in place of probabilities: codes are cut at ½, columns become one-hot by the largest."""
    if labels.shape[1] == 1:
        return (labels > 0.5).astype(np.float64)
    one_hot: Array = np.eye(labels.shape[1])[labels.argmax(axis=1)]
    return one_hot
