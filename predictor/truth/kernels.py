"""Kernel mixtures that candidates of noise cannot take over: each model weighs as much as the others agree with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.statistics.arrays import Array

MAX_AGREEMENT_ROWS = 400
"""Rows whose pairs are compared: 80,000 pairs give a correlation to ± .004."""


def unit(kernel: Array) -> Array:
    """(n, n) kernel centred over its rows, mean diagonal 1: functions of zero mean and unit variance.

    Raises:
        ValueError: the kernel is constant.
    """
    means = kernel.mean(axis=0)
    found: Array = kernel - means[:, None]
    found -= means
    found += means.mean()
    level = float(np.mean(np.diag(found)))
    if level <= 0.0:
        raise ValueError("the kernel is constant over the rows; give one that varies")
    found /= level
    return found


def compared_rows(rows: int) -> slice:
    """Rows whose pairs are compared."""
    return slice(0, rows, -(-rows // MAX_AGREEMENT_ROWS))


def agreement(kernels: Sequence[Array]) -> Array:
    """(m, m) correlation between the kernels of models over pairs of rows: K_ab, a ≠ b.

    Unrelated features correlate by about 1/√pairs at any width, as diagonals are left out.

    Args:
        kernels: (k, k) per model, of `compared_rows`.
    """
    left, right = np.triu_indices(len(kernels[0]), 1)
    pairs = np.empty((len(kernels), len(left)))
    for place, kernel in enumerate(kernels):
        values = kernel[left, right]
        pairs[place] = values - values.mean()
    norms = np.sqrt(np.sum(pairs**2, axis=1))
    pairs /= np.where(norms > 0.0, norms, 1.0)[:, None]
    found: Array = pairs @ pairs.T
    return found


def agreed_shares(agreeing: Array, prior: Array) -> Array:
    """(m,) shares prior · mean agreement with the other models, negative means counted as 0, summing to 1.

    Args:
        agreeing: (m, m) of `agreement`.
        prior: (m,) > 0, what is known of each model beforehand, such as √parameters · depth².
    """
    models = len(agreeing)
    if models == 1:
        return np.ones(1)
    mean = (agreeing.sum(axis=1) - np.diag(agreeing)) / (models - 1)
    raw = prior * np.maximum(mean, 0.0)
    shares: Array = raw / raw.sum() if raw.any() else prior / prior.sum()
    return shares


def seen_by_both(vectors: Array, values: Array, second: Array) -> Array:
    """(n, n) F^½ S F^½, centred, mean diagonal 1: functions that are plausible under both kernels.

    Args:
        vectors, values: (n, r) and (r,) eigenpairs of F, values ≥ 0.
        second: (n, n) S.
    """
    halves = np.sqrt(values)
    inner = np.outer(halves, halves) * (vectors.T @ second @ vectors)
    return unit(vectors @ inner @ vectors.T)
