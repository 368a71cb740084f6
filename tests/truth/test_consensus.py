"""The consensus of heads of the same gold rows, against its formula term by term and against worlds it fits."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.truth.consensus import SHRINKAGE, SIMULATED, WeakMoments, linear_prediction

ROWS = 400


def moments_of(shares):
    """Of calibrated models that explain these shares of the truth, each with noise of its own."""
    shares = np.asarray(shares, dtype=float)
    return WeakMoments(np.outer(shares, shares) + np.diag(shares * (1.0 - shares)), shares)


ABILITIES = (0.9, 0.7, 0.5, 0.3, 0.1)


def calibrated_world(rng, rows=ROWS, abilities=ABILITIES):
    """Gaussian labels of unit variance, and candidates with E[y | f] = f that explain these shares of them."""
    y = rng.standard_normal(rows)
    reported = []
    for share in abilities:
        noisy = y + np.sqrt(1.0 / share - 1.0) * rng.standard_normal(rows)
        reported.append((share * noisy)[:, None])
    return y, reported


def centred(reported):
    """(n, m, k) tables, each less its mean."""
    return np.stack([t - t.mean(axis=0) for t in reported], axis=1)


def test_the_posterior_is_the_formula_term_by_term():
    rng = np.random.default_rng(0)
    among = np.cov(rng.standard_normal((4, 9)))
    simulated = WeakMoments(among, rng.uniform(size=4))
    centred = rng.standard_normal((30, 4, 2)) * np.array([1.0, 0.5, 2.0, 0.1])[:, None]
    centred -= centred.mean(axis=0)
    covariance = np.array(
        [
            [sum(centred[r, i, c] * centred[r, j, c] for r in range(30) for c in range(2)) / 30 for j in range(4)]
            for i in range(4)
        ]
    )
    variances = [covariance[i, i] for i in range(4)]
    unit, other = sum(variances) / 4, sum(among[i, i] for i in range(4)) / 4
    inner = [
        [
            SIMULATED * among[i, j] / other + (1 - SIMULATED) * covariance[i, j] / unit + SHRINKAGE * (i == j)
            for j in range(4)
        ]
        for i in range(4)
    ]
    right = [SIMULATED * simulated.with_truth[i] / other + (1 - SIMULATED) * variances[i] / unit for i in range(4)]
    weights = np.linalg.inv(inner) @ right
    plain = sum(weights[i] * centred[:, i] for i in range(4))
    scale = sum(variances) / sum((centred[:, i] * plain).sum() / 30 for i in range(4))
    assert linear_prediction(centred, simulated) == pytest.approx(scale * plain, abs=1e-12)


def test_noise_that_heads_share_is_not_used_where_the_simulation_knows_of_it():
    """Three heads repeat one noise and one stands alone; knowing that, the consensus is nearer the truth."""
    rng = np.random.default_rng(12)
    y, shared = rng.standard_normal(ROWS), rng.standard_normal(ROWS)
    reported = [0.4 * (y + 1.2 * shared)[:, None] for _ in range(3)] + [
        0.4 * (y + 1.2 * rng.standard_normal(ROWS))[:, None]
    ]
    spread = 0.16 * np.array([[2.44 if i == j or max(i, j) < 3 else 1.0 for j in range(4)] for i in range(4)])
    knowing = linear_prediction(centred(reported), WeakMoments(spread, np.full(4, 0.4)))[:, 0]
    innocent = linear_prediction(centred(reported), moments_of([0.4] * 4))[:, 0]
    assert np.corrcoef(knowing, y)[0, 1] > np.corrcoef(innocent, y)[0, 1] + 0.02


def test_where_the_simulation_knows_of_nobody_the_labels_at_hand_speak_alone():
    rng = np.random.default_rng(13)
    centred = rng.standard_normal((60, 3, 1))
    centred -= centred.mean(axis=0)
    own = np.einsum("nik,njk->ij", centred, centred) / 60
    like = WeakMoments(own, np.diag(own))
    assert linear_prediction(centred, WeakMoments(np.zeros((3, 3)), np.zeros(3))) == pytest.approx(
        linear_prediction(centred, like), abs=1e-12
    )


def test_calibrated_candidates_are_used_by_what_they_know():
    y, reported = calibrated_world(np.random.default_rng(2))
    found = linear_prediction(centred(reported), moments_of(ABILITIES))[:, 0]
    slope = np.cov(found, y)[0, 1] / np.var(found)
    assert slope == pytest.approx(1.0, abs=0.12)
    errors = [np.mean((t[:, 0] - y) ** 2) for t in reported]
    distances = [np.mean((t[:, 0] - found) ** 2) for t in reported]
    assert np.all(np.diff(errors) > 0)
    assert np.all(np.diff(distances[1:]) > 0)


def test_a_candidate_that_reports_nearly_the_same_of_all_rows_is_not_taken_for_a_good_one():
    """Its distance to the plain mean of all is the least of all candidates; its distance to the consensus is not."""
    rng = np.random.default_rng(3)
    _, reported = calibrated_world(rng, abilities=(0.8, 0.75, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02))
    plain = np.mean(reported, axis=0)
    to_mean = [np.mean((t - plain) ** 2) for t in reported]
    found = linear_prediction(centred(reported), moments_of([0.5] * len(reported)))
    to_consensus = [np.mean((t - found) ** 2) for t in reported]
    assert np.argmin(to_mean) > 1
    assert np.argmin(to_consensus) <= 1
