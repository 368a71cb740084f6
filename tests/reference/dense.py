"""Twins: every formula written out from its source with full n × n matrices, as slow and as plain as it reads.

Nothing of the package is imported here. Sources by name: Xue 2025 is arXiv:2502.00620, Kornblith 2019 is
arXiv:1905.00414, Allen 1974 is Technometrics 16(1), Rasmussen 2006 is "Gaussian Processes for Machine Learning".
"""

from __future__ import annotations

import numpy as np


def standardise(features, other=None):
    """Centre and divide by the standard deviation, dimension by dimension; then by √d, so that tr ZZᵀ/n = 1.

    A dimension that does not vary is left out and not counted in d. With `other`, those rows are moved and scaled by
    the first argument's means and deviations instead.
    """
    columns = []
    for j in range(features.shape[1]):
        column = [float(x) for x in features[:, j]]
        mean = sum(column) / len(column)
        deviation = (sum((x - mean) ** 2 for x in column) / len(column)) ** 0.5
        if deviation > 1e-9:
            target = features if other is None else other
            columns.append([(float(x) - mean) / deviation for x in target[:, j]])
    return np.array(columns).T / np.sqrt(len(columns))


def kernel(features):
    """K = Z Zᵀ / n, (n, n)."""
    scaled = standardise(features)
    return scaled @ scaled.T / len(scaled)


def principal(full, energy):
    """The part of K made of the fewest leading eigenvectors that hold `energy` of its trace, and the trace left out."""
    values, vectors = np.linalg.eigh(full)
    kept, held = np.zeros_like(full), 0.0
    for value, vector in sorted(zip(values, vectors.T, strict=True), key=lambda pair: -pair[0]):
        if held >= energy * np.trace(full) - 1e-12:
            break
        kept += value * np.outer(vector, vector)
        held += value
    return kept, np.trace(full) - held


def smoother(part, ridge):
    """P = K (K + β I)⁻¹, Xue 2025, definition before Theorem 3.8."""
    return part @ np.linalg.inv(part + ridge * np.eye(len(part)))


def operator_gap(strong, weak):
    """‖P_s (I − P_w)‖ by the largest singular value, Xue 2025, Theorem 3.8 without labels."""
    return float(np.linalg.svd(strong @ (np.eye(len(weak)) - weak), compute_uv=False)[0])


def frobenius_gap(strong, weak):
    """‖P_s (I − P_w)‖²_F / ‖P_s‖²_F, entry by entry."""
    return float(np.sum((strong @ (np.eye(len(weak)) - weak)) ** 2) / np.sum(strong**2))


def prior_gap(strong, weak, prior):
    """E‖P_s (I − P_w) y‖² / E‖P_s y‖² for y ~ N(0, prior), by E‖A y‖² = tr(A prior Aᵀ)."""
    hidden = strong @ (np.eye(len(weak)) - weak)
    return float(np.trace(hidden @ prior @ hidden.T) / np.trace(strong @ prior @ strong.T))


def prediction_gap(strong, weak, labels):
    """‖P_s (I − P_w) y‖² / n, Xue 2025, Theorem 3.8, summed over label columns."""
    return float(np.linalg.norm(strong @ (labels - weak @ labels)) ** 2 / len(labels))


def cka(strong, weak):
    """HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)), HSIC(K, L) = tr(K H L H) / (n − 1)², Kornblith 2019, section 3."""
    n = len(strong)
    centring = np.eye(n) - np.ones((n, n)) / n

    def hsic(left, right):
        return np.trace(left @ centring @ right @ centring) / (n - 1) ** 2

    return float(hsic(strong, weak) / np.sqrt(hsic(strong, strong) * hsic(weak, weak)))


def hat(train, other, ridge):
    """(m, n) H with f(other) = H y for a ridge head with intercept: 11ᵀ/n + K_ot (K_tt + β I)⁻¹ (I − 11ᵀ/n)."""
    left, right = standardise(train), standardise(train, other)
    n = len(train)
    centring = np.eye(n) - np.ones((n, n)) / n
    among = left @ left.T / n
    across = right @ left.T / n
    return np.ones((len(other), n)) / n + across @ np.linalg.inv(among + ridge * np.eye(n)) @ centring


def press(train, labels, ridge):
    """Σ_i (y_i − f_{−i}(x_i))², Allen 1974: every row left out in turn, its head trained anew on the standardised rest.

    Scale and penalty are those of all rows: n β as a multiple of the penalty on the slopes, none on the intercept.
    """
    scaled, total = standardise(train), 0.0
    n, d = scaled.shape
    for i in range(n):
        rest = np.arange(n) != i
        design = np.hstack([np.ones((n - 1, 1)), scaled[rest]])
        penalty = np.diag([0.0] + [n * ridge] * d)
        slopes = np.linalg.solve(design.T @ design + penalty, design.T @ labels[rest])
        total += float((labels[i] - slopes[0] - scaled[i] @ slopes[1:]) ** 2)
    return total


def expected_press(train, covariance, ridge):
    """The mean of `press` over labels of zero mean and this covariance, uncorrelated along the eigenvectors of K.

    Σ_k E (u_kᵀ y)² Σ_i ((I − S) u_k)_i² / (1 − S_ii)², over a whole basis U of what varies. Along the part of it that K
    does not reach the basis is free, so the energy there, which has no shape of its own, is white noise of its size.
    """
    n = len(train)
    missed = np.eye(n) - hat(train, train, ridge)
    values, vectors = np.linalg.eigh(kernel(train))
    within = vectors[:, values > 1e-10 * values[-1]]
    beyond = np.eye(n) - np.ones((n, n)) / n - within @ within.T
    dimensions = round(np.trace(beyond))
    energies = [u @ covariance @ u for u in within.T]
    shapes = [np.outer(u, u) for u in within.T]
    if dimensions:
        energies.append(np.trace(beyond @ covariance))
        shapes.append(beyond / dimensions)
    slack = np.diag(missed) ** 2
    return float(sum(e * np.sum(np.diag(missed @ s @ missed.T) / slack) for e, s in zip(energies, shapes, strict=True)))


def expected_error(predict, test, covariance):
    """Mean over test rows of E (y_t − (A y)_t)², y ~ N(0, Σ) over the whole pool, A = `predict` (n_t, n)."""
    rest = np.eye(len(covariance))[test] - predict
    return float(np.trace(rest @ covariance @ rest.T) / len(test))


def spread_out(matrix, rows, count):
    """(m, r) acting on some rows, as (m, count) acting on all rows of the pool."""
    wide = np.zeros((len(matrix), count))
    wide[:, rows] = matrix
    return wide


def rbf(left, right, length_squared):
    """exp(−d² / (2 l²)) entry by entry, Rasmussen 2006, equation 2.16."""
    return np.array([[np.exp(-np.sum((x - y) ** 2) / (2.0 * length_squared)) for y in right] for x in left])
