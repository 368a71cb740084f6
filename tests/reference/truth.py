"""Twins of the truth model: the whole Gaussian over all rows and columns written out, one grid point at a time.

Nothing of the package is imported here. Rasmussen, Williams 2006, equations A.6 and 2.30.
"""

from __future__ import annotations

import numpy as np


def prior(kernel, parts, kappa, voters, smooth, noise, own):
    """Mean (n k,) and covariance (n k, n k) of the truth, rows of the first column first; and the noise's."""
    n, k = parts.shape[0], parts.shape[2]
    mean = np.concatenate(
        [sum((kappa[p, 0] * parts[:, p, c] for p in range(parts.shape[1])), np.zeros(n)) for c in range(k)]
    )
    covariance = np.zeros((n * k, n * k))
    for c in range(k):
        block = slice(c * n, (c + 1) * n)
        covariance[block, block] += smooth * kernel
    for p in range(parts.shape[1]):
        whole = np.concatenate([parts[:, p, c] for c in range(k)])
        covariance += kappa[p, 1] ** 2 * np.outer(whole, whole)
    scatter = sum(float(voters[i, q, c] ** 2) for i in range(n) for q in range(voters.shape[1]) for c in range(k)) / n
    for q in range(voters.shape[1]):
        whole = np.concatenate([voters[:, q, c] for c in range(k)])
        covariance += own * k / scatter * np.outer(whole, whole)
    return mean, covariance, noise * np.eye(n * k)


def conditioned(mean, covariance, noise, gold, known, rows):
    """Mean, covariance and log density of `gold` (l, k), seen at rows `known` of every column."""
    k = gold.shape[1]
    seen = np.concatenate([c * rows + np.asarray(known) for c in range(k)])
    among = covariance[np.ix_(seen, seen)] + noise[np.ix_(seen, seen)]
    missed = np.concatenate([gold[:, c] for c in range(k)]) - mean[seen]
    across = covariance[:, seen]
    found = mean + across @ np.linalg.inv(among) @ missed
    left = covariance - across @ np.linalg.inv(among) @ across.T
    density = -0.5 * (missed @ np.linalg.inv(among) @ missed + np.linalg.slogdet(among)[1])
    return found, left, density


def left_out(kernel, ratio, gold, known):
    """τ² at which left-out gold rows are missed by as much as expected with noise `ratio` τ², and their predictions."""
    missed, expected, found = 0.0, 0.0, np.empty_like(gold)
    for i, row in enumerate(known):
        others = np.delete(np.asarray(known), i)
        among = kernel[np.ix_(others, others)] + ratio * np.eye(len(others))
        weights = np.linalg.inv(among) @ kernel[others, row]
        found[i] = weights @ np.delete(gold, i, axis=0)
        missed += float(np.mean((gold[i] - found[i]) ** 2))
        expected += kernel[row, row] + ratio - kernel[row, others] @ weights
    return missed / expected, found


def mixed(weights, means, covariances):
    """Mean and covariance of a mixture."""
    mean = sum(w * m for w, m in zip(weights, means, strict=True))
    spread = sum(w * (c + np.outer(m - mean, m - mean)) for w, m, c in zip(weights, means, covariances, strict=True))
    return mean, spread
