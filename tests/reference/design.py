"""Twins of the choice of rows: a small Gaussian world written out, labels drawn and conditioned on one by one.

Nothing of the package is imported here.
"""

from __future__ import annotations

import numpy as np


def loss_after(slopes, covariance, noise, lead, shares, rows):
    """Σ π Var(E_i − E_lead | S) / Var(E_i − E_lead), by inverting what is seen; slopes (g, m, n, k)."""
    n, rows = len(covariance), list(rows)
    left = covariance.copy()
    if rows:
        seen = covariance[np.ix_(rows, rows)] + noise * np.eye(len(rows))
        left = covariance - covariance[:, rows] @ np.linalg.inv(seen) @ covariance[rows]
    assert left.shape == (n, n)

    def variance(i, among):
        found = 0.0
        for group in slopes:
            for column in range(slopes.shape[3]):
                apart = group[i, :, column] - group[lead, :, column]
                found += apart @ among @ apart / len(slopes)
        return found

    others = [i for i in range(slopes.shape[1]) if i != lead]
    total = sum(shares[i] for i in others)
    return sum(shares[i] / total * variance(i, left) / variance(i, covariance) for i in others)


def regret_after(mean, slopes, covariance, noise, rows, rng, simulations=4000):
    """Expected regret of m students by brute force: draw truths, draw labels of the rows, condition, choose, compare.

    `slopes` is (m, n), one label column; errors are `mean` + slopes · truth.
    """
    n, rows = len(covariance), list(rows)
    truths = np.linalg.cholesky(covariance + 1e-12 * np.eye(n)) @ rng.standard_normal((n, simulations))
    errors = mean[:, None] + slopes @ truths
    expected = np.repeat(mean[:, None], simulations, axis=1)
    if rows:
        labels = truths[rows] + np.sqrt(noise) * rng.standard_normal((len(rows), simulations))
        seen = covariance[np.ix_(rows, rows)] + noise * np.eye(len(rows))
        expected = expected + slopes @ covariance[:, rows] @ np.linalg.inv(seen) @ labels
    chosen = np.argmin(expected, axis=0)
    return float(np.mean(errors[chosen, np.arange(simulations)] - errors.min(axis=0)))
