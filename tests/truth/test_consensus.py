"""The truth that weak labels alone let one believe in, against its formula term by term and against worlds it fits."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.truth.consensus import (
    CALIBRATION_SPREAD,
    NOISES,
    SHRINKAGE,
    SIMULATED,
    ConsensusTruth,
    WeakMoments,
    linear_prediction,
)

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
    assert linear_prediction(centred, simulated, np.ones(4)) == pytest.approx(scale * plain, abs=1e-12)


def test_a_candidate_that_counts_twice_is_a_candidate_that_is_there_twice():
    rng = np.random.default_rng(1)
    centred = rng.standard_normal((50, 3, 1))
    centred -= centred.mean(axis=0)
    doubled = np.concatenate([centred, centred[:, :1]], axis=1)
    simulated, twice = np.cov(rng.standard_normal((3, 9))), [0, 1, 2, 0]
    once = linear_prediction(centred, WeakMoments(simulated, np.arange(1.0, 4.0)), np.array([2.0, 1.0, 1.0]))
    again = WeakMoments(simulated[np.ix_(twice, twice)], np.arange(1.0, 4.0)[twice])
    assert once == pytest.approx(linear_prediction(doubled, again, np.ones(4)), abs=1e-12)


def test_noise_that_heads_share_is_not_used_where_the_simulation_knows_of_it():
    """Three heads repeat one noise and one stands alone; knowing that, the consensus is nearer the truth."""
    rng = np.random.default_rng(12)
    y, shared = rng.standard_normal(ROWS), rng.standard_normal(ROWS)
    reported = [0.4 * (y + 1.2 * shared)[:, None] for _ in range(3)] + [
        0.4 * (y + 1.2 * rng.standard_normal(ROWS))[:, None]
    ]
    centred = np.stack([t - t.mean() for t in reported], axis=1)
    spread = 0.16 * np.array([[2.44 if i == j or max(i, j) < 3 else 1.0 for j in range(4)] for i in range(4)])
    knowing = linear_prediction(centred, WeakMoments(spread, np.full(4, 0.4)), np.ones(4))[:, 0]
    innocent = linear_prediction(centred, moments_of([0.4] * 4), np.ones(4))[:, 0]
    assert np.corrcoef(knowing, y)[0, 1] > np.corrcoef(innocent, y)[0, 1] + 0.02


def test_where_the_simulation_knows_of_nobody_the_labels_at_hand_speak_alone():
    rng = np.random.default_rng(13)
    centred = rng.standard_normal((60, 3, 1))
    centred -= centred.mean(axis=0)
    own = np.einsum("nik,njk->ij", centred, centred) / 60
    like = WeakMoments(own, np.diag(own))
    assert linear_prediction(centred, WeakMoments(np.zeros((3, 3)), np.zeros(3)), np.ones(3)) == pytest.approx(
        linear_prediction(centred, like, np.ones(3)), abs=1e-12
    )


def test_calibrated_candidates_are_used_by_what_they_know():
    y, reported = calibrated_world(np.random.default_rng(2))
    found = ConsensusTruth.of(reported, moments_of(ABILITIES), classes=False).mean[:, 0]
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
    found = ConsensusTruth.of(reported, moments_of([0.5] * len(reported)), classes=False).mean
    to_consensus = [np.mean((t - found) ** 2) for t in reported]
    assert np.argmin(to_mean) > 1
    assert np.argmin(to_consensus) <= 1


def test_classes_have_the_variance_of_their_shares_and_no_truth_varies_more():
    rng = np.random.default_rng(4)
    chance = rng.uniform(0.0, 1.0, (ROWS, 1))
    reported = [np.clip(chance + 0.1 * rng.standard_normal((ROWS, 1)), 0, 1) for _ in range(4)]
    found = ConsensusTruth.of(reported, moments_of([0.5] * len(reported)), classes=True)
    share = float(found.centre[0])
    assert found.total == pytest.approx(share * (1 - share))
    assert list(found.spreads) == [found.total]
    certain = ConsensusTruth.of([np.where(t > 0.5, 1.4, -0.4) for t in reported], moments_of([0.5] * 4), classes=True)
    assert certain.explained == pytest.approx(certain.total)


def test_a_candidate_that_tells_no_rows_apart_has_no_say_in_the_mean_either():
    rng = np.random.default_rng(9)
    reported = [0.6 + 0.1 * rng.standard_normal((ROWS, 1)) for _ in range(3)]
    found = ConsensusTruth.of([*reported, np.full((ROWS, 1), 0.1)], moments_of([0.5] * 4), classes=True)
    assert found.centre[0] == pytest.approx(0.6, abs=0.02)


def test_a_class_that_linear_heads_put_below_nothing_leaves_a_finite_truth():
    rng = np.random.default_rng(10)
    reported = [-0.01 + 0.02 * rng.standard_normal((ROWS, 1)) for _ in range(3)]
    found = ConsensusTruth.of(reported, moments_of([0.5] * len(reported)), classes=True)
    assert found.total > 0.0
    assert np.isfinite(found.mean).all()


def test_numbers_may_have_noise_that_no_candidate_shows():
    _, reported = calibrated_world(np.random.default_rng(5))
    found = ConsensusTruth.of(reported, moments_of([0.5] * len(reported)), classes=False)
    assert found.total is None
    assert found.spreads == pytest.approx(found.explained / (1 - NOISES))


@pytest.mark.parametrize("columns", [1, 3])
def test_drawn_labels_have_the_variance_they_say_and_the_consensus_as_their_mean(columns):
    rng = np.random.default_rng(6)
    base = rng.dirichlet(np.ones(columns + 1), ROWS)[:, :columns]
    reported = [np.clip(base + 0.05 * rng.standard_normal(base.shape), 0, 1) for _ in range(5)]
    found = ConsensusTruth.of(reported, moments_of([0.5] * len(reported)), classes=True)
    root = np.linalg.qr(rng.standard_normal((ROWS, 6)))[0] * np.sqrt(ROWS / 6)
    drawn, totals = found.draw(400, root, rng)
    assert drawn.shape == (ROWS, columns, 400)
    assert totals == pytest.approx(np.full(400, found.total))
    assert np.mean(np.sum(np.var(drawn, axis=0), axis=0) / totals) == pytest.approx(1.0, abs=0.05)
    away = np.sqrt(np.mean((drawn.mean(axis=2) - found.mean) ** 2))
    assert away < 0.15 * np.sqrt(found.total)
    along = np.einsum("nkr,nk->r", drawn - found.centre[:, None], found.mean - found.centre)
    along /= np.sum((found.mean - found.centre) ** 2)
    assert np.std(along) > CALIBRATION_SPREAD / 2


def test_what_is_missing_is_partly_smooth():
    """Draws covary along the given directions more than noise alone would."""
    rng = np.random.default_rng(7)
    _, reported = calibrated_world(rng, abilities=(0.3, 0.3, 0.3))
    found = ConsensusTruth.of(reported, moments_of([0.5] * len(reported)), classes=False)
    root = np.linalg.qr(rng.standard_normal((ROWS, 4)))[0] * np.sqrt(ROWS / 4)
    drawn, totals = found.draw(300, root, rng)
    rest = (drawn[:, 0] - found.mean) / np.sqrt(totals)
    inside = np.mean(np.sum((root.T @ rest / ROWS) ** 2, axis=0))
    across = np.linalg.qr(rng.standard_normal((ROWS, 4)))[0] * np.sqrt(ROWS / 4)
    assert inside > 5 * np.mean(np.sum((across.T @ rest / ROWS) ** 2, axis=0))
