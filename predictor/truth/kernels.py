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
    centred = kernel - means[:, None] - means[None, :] + means.mean()
    level = float(np.mean(np.diag(centred)))
    if level <= 0.0:
        raise ValueError("the kernel is constant over the rows; give one that varies")
    found: Array = centred / level
    return found


def agreement(roots: Sequence[Array]) -> Array:
    """(m, m) correlation between the kernels of models over pairs of rows: K_ab, a ≠ b, K = R Rᵀ.

    Unrelated features correlate by about 1/√pairs at any width, as diagonals are left out.

    Args:
        roots: (n, r) per model.
    """
    rows = len(roots[0])
    chosen = np.arange(0, rows, -(-rows // MAX_AGREEMENT_ROWS))
    left, right = np.triu_indices(len(chosen), 1)
    pairs = np.empty((len(roots), len(left)))
    for place, root in enumerate(roots):
        values = (root[chosen] @ root[chosen].T)[left, right]
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


def mixture(roots: Sequence[Array], shares: Array) -> Array:
    """(n, n) Σ shares · R Rᵀ, centred, mean diagonal 1; shares below 1e-4 are left out."""
    total = np.zeros((len(roots[0]),) * 2)
    for root, share in zip(roots, shares, strict=True):
        if share >= 1e-4:
            total += share * (root @ root.T)
    return unit(total)


def seen_by_both(first: Array, second: Array) -> Array:
    """(n, n) F^½ S F^½, centred, mean diagonal 1: functions that are plausible under both kernels."""
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return unit(root @ second @ root)
